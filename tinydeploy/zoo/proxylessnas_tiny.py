"""ProxylessNAS at about 0.3 of its width, for 320 KB of RAM and 1 MB of flash.

Source: Lin, Chen, Lin, Cohn, Gan, Han: MCUNet: Tiny Deep Learning on IoT Devices (NeurIPS 2020),
which compares with it; the authors' list of trained nets calls it proxyless-w0.3. No net is
published as ProxylessNAS-tiny.
"""

from __future__ import annotations

from tinydeploy.zoo.registry import Published, register_model
from tinydeploy.zoo.searched import Block, Config, Conv, make_searched_entry

_CONFIG = Config(
    Conv(16, 3, 2, "relu6"),
    (
        Block(16, 8, 3, 1),
        Block(24, 16, 5, 2),
        Block(48, 16, 3, 1, identity=True),
        None,
        None,
        Block(48, 16, 7, 2),
        Block(48, 16, 3, 1, identity=True),
        Block(48, 16, 5, 1, identity=True),
        Block(48, 16, 5, 1, identity=True),
        Block(96, 24, 7, 2),
        Block(72, 24, 5, 1, identity=True),
        Block(72, 24, 5, 1, identity=True),
        Block(72, 24, 5, 1, identity=True),
        Block(144, 32, 5, 1),
        Block(96, 32, 5, 1, identity=True),
        Block(96, 32, 5, 1, identity=True),
        Block(96, 32, 5, 1, identity=True),
        Block(192, 64, 7, 2),
        Block(384, 64, 7, 1, identity=True),
        Block(192, 64, 7, 1, identity=True),
        Block(192, 64, 7, 1, identity=True),
        Block(384, 96, 7, 1),
    ),
    Conv(384, 1, 1, "relu6"),
    1000,
    176,
)
register_model(
    make_searched_entry(
        "proxylessnas_tiny",
        "ProxylessNAS for 320 KB of RAM and 1 MB of flash",
        _CONFIG,
        Published(0.75e6, 38.3e6, 57.0, "Lin et al. 2020, and the authors' list of trained nets"),
    )
)
