import time
from pathlib import Path
from tinydeploy.board import load_board
from tinydeploy.emulate.qemu import QemuBoard
from tinydeploy.link.client import BoardClient
with QemuBoard(Path('/tmp/b/out/hello_world_int8-mps2-an500/firmware.elf'),load_board('mps2-an500')) as m:
    t=time.time(); c=BoardClient(m)
    c.hello(); print(c.repeats,time.time()-t)
    t=time.time()
    for i in range(300): c.infer([bytes([i&255])]); 
    print(c.repeats,time.time()-t)
with QemuBoard(Path('/tmp/b/out/hello_world_int8-mps2-an500/firmware.elf'),load_board('mps2-an500')) as m:
    c=BoardClient(m)
    print(m.read(400,2)); time.sleep(.3)
    t=time.time()
    c.hello(); print(c.repeats,time.time()-t)
