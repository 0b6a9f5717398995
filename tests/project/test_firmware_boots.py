"""The firmware in the emulated board: boots at full speed, tests itself, serves, reports faults."""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path

import pytest
from fake_model import BuildFirmware, build_fake, fake_files, fake_output, toolchain_or_skip
from programs import require_program

from tinydeploy.board import Board, list_boards, load_board, with_watchdog
from tinydeploy.board.baud import with_baud
from tinydeploy.emulate import qemu
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.emulate.qemu import QemuBoard
from tinydeploy.errors import BoardLinkError, EmulationError
from tinydeploy.link.client import BoardClient
from tinydeploy.project.build import Firmware, build_firmware
from tinydeploy.project.toolchain import Kind
from tinydeploy.project.write import STACK_BYTES, write_project

both = pytest.mark.parametrize("kind", ("gcc", "zig"))
BOARDS = list_boards()
every_board = pytest.mark.parametrize("name", BOARDS)

FAULT = re.compile(r"FAULT pc (\w{8}) lr \w{8} sp (\w{8}) cfsr (\w{8}) hfsr (\w{8}) bfar (\w{8})")


def read_until(emulated: EmulatedBoard, sign: str) -> str:
    """The board's text up to what matches `sign`, or up to its stop."""
    text = b""
    try:
        while not re.search(sign.encode(), text):
            piece = emulated.transport.read(1000, 10.0)
            assert piece, f"no more text behind {text!r}"
            text += piece
    except EmulationError:
        pass
    return text.decode()


@both
def test_layers_can_be_traced(fake_firmware: BuildFirmware, kind: Kind) -> None:
    """Layers are functions that get their rows as arguments, whatever the compiler could infer."""
    board = load_board("stm32l4r9")
    with EmulatedBoard(fake_firmware("stm32l4r9", kind).elf, board) as emulated:
        client = BoardClient(emulated.transport)
        client.hello()
        emulated.trace_model("fake")
        client.write_input(0, bytes(16))
        client.run()
        events = [(event.layer, event.first, event.last) for event in emulated.layer_events()]
    assert events == [(0, 0, 16), (1, 0, 4), (1, 4, 8)]


@every_board
@both
def test_boots_and_serves(fake_firmware: BuildFirmware, name: str, kind: Kind) -> None:
    board = load_board(name)
    firmware = fake_firmware(name, kind)
    with EmulatedBoard(firmware.elf, board) as emulated:
        text = read_until(emulated, "ok\r\n")
        client = BoardClient(emulated.transport)
        hello = client.hello()
        frequency = board.clock_hz // 1_000_000
        assert text == (
            f"\r\ntinydeploy: model fake, board {board.title}, build {hello.build_id.hex()}, "
            f"{frequency} MHz\r\nself-test ok\r\n"
        )
        assert hello.clock_hz == emulated.core_clock_hz() == board.clock_hz
        assert abs(emulated.baud() / board.console.baud - 1) < 0.005
        assert (hello.stack_bytes, hello.arena_bytes) == (STACK_BYTES, 48)
        for data in (bytes(range(16)), bytes(range(240, 256)), bytes([127, 128] * 8)):
            client.write_input(0, data)
            assert 0 < client.run() < 1000
            assert client.read_output(0) == fake_output(data)
        first, second = client.profile([bytes(16)])
        assert 0 < first < second < 1000
        assert client.selftest().passed
        marks = client.memory()
        assert 100 < marks.stack_high_water < 400
        assert marks.arena_high_water == 40


@every_board
def test_sleeps_while_there_is_nothing_to_do(fake_firmware: BuildFirmware, name: str) -> None:
    with EmulatedBoard(fake_firmware(name, "gcc").elf, load_board(name)) as emulated:
        client = BoardClient(emulated.transport)
        client.hello()
        time.sleep(0.1)
        before = emulated.instructions()
        time.sleep(0.1)
        assert emulated.instructions() == before
        client.write_input(0, bytes(16))
        client.run()
        assert client.read_output(0) == fake_output(bytes(16))


@pytest.mark.parametrize(
    "name", [name for name in BOARDS if load_board(name).profile.watchdog_hz], ids=str
)
def test_watchdog_ends_a_hang(tmp_path: Path, name: str) -> None:
    """A layer that never returns resets the chip, and the next boot says why; sleep does not."""
    board = with_watchdog(load_board(name), 0.1)
    model = fake_files(board)["fake/model.c"].decode()
    hang = '    while (fake_input()[0] == 99) {\n        __asm volatile("nop");\n    }\n'
    run = "int fake_run_observed(void (*observe)(void *context, int layer), void *context)\n{\n"
    assert run in model
    changes = {"fake/model.c": model.replace(run, run + hang)}
    firmware = build_fake(tmp_path, board, toolchain_or_skip("gcc"), changes=changes)
    assert firmware.warnings == ()
    said: list[str] = []
    with EmulatedBoard(firmware.elf, board) as emulated:
        client = BoardClient(emulated.transport, on_text=said.append)
        client.hello()
        client.infer([bytes(16)])
        time.sleep(0.5)
        client.hello()
        assert "reset by the watchdog" not in "".join(said)
        with pytest.raises(BoardLinkError, match="the board was reset meanwhile"):
            client.infer([bytes([99] * 16)])
        client.hello()
        client.infer([bytes(range(16))])
        assert client.read_output(0) == fake_output(bytes(range(16)))
    text = "".join(said)
    assert text.count(" MHz\r\n") == 2
    assert text.count(" MHz\r\nreset by the watchdog\r\nself-test ok\r\n") == 1


def test_failing_selftest_is_said(tmp_path: Path) -> None:
    board = load_board("stm32l4r9")
    write_project(tmp_path, fake_files(board, crc=0xDEADBEEF))
    firmware = build_firmware(tmp_path, board, toolchain_or_skip("gcc"))
    with EmulatedBoard(firmware.elf, board) as emulated:
        text = read_until(emulated, "found .*\n")
        client = BoardClient(emulated.transport)
        client.hello()
        found = client.selftest()
    assert found.expected == 0xDEADBEEF
    assert f"self-test FAILED expected deadbeef found {found.found:08x}\r\n" in text


@pytest.mark.parametrize(
    "name", [name for name in BOARDS if load_board(name).external_clock_hz != 0]
)
def test_without_external_clock_the_internal_one_serves(
    fake_firmware: BuildFirmware, name: str
) -> None:
    """The PLL runs from the HSI where no clock arrives at OSC_IN; the speed is the same."""
    board = load_board(name)
    silent = dataclasses.replace(board, external_clock_hz=0)
    with EmulatedBoard(fake_firmware(name, "gcc").elf, silent) as emulated:
        assert BoardClient(emulated.transport).hello().clock_hz == board.clock_hz
        assert emulated.core_clock_hz() == board.clock_hz


@pytest.mark.parametrize("name", ["stm32f746", "stm32f412"])
def test_console_at_the_fast_bus(tmp_path: Path, name: str) -> None:
    """STM32F's USART6 is clocked from APB2, USART3 from APB1 at half its speed."""
    board = load_board(name)
    pins = {
        "tx": dataclasses.replace(board.console.tx, port="G", pin=14, function=8),
        "rx": dataclasses.replace(board.console.rx, port="G", pin=9, function=8),
    }
    console = dataclasses.replace(board.console, uart="USART6", address=0x40011400, irq=71, **pins)  # type: ignore[arg-type]
    board = dataclasses.replace(board, console=console)
    firmware = build_fake(tmp_path, board, toolchain_or_skip("gcc"))
    with EmulatedBoard(firmware.elf, board) as emulated:
        assert BoardClient(emulated.transport).hello().clock_hz == board.clock_hz
        assert abs(emulated.baud() / board.console.baud - 1) < 0.005


@pytest.mark.parametrize(
    "name", ["nucleo-h743zi2", "nucleo-f746zg", "nucleo-f412zg", "nucleo-l4r5zi"]
)
def test_fast_console(tmp_path: Path, name: str) -> None:
    """921,600 baud: an LPUART among them, and clocks that are not a multiple of it."""
    board = with_baud(load_board(name), 921_600)
    firmware = build_fake(tmp_path, board, toolchain_or_skip("gcc"))
    with EmulatedBoard(firmware.elf, board) as emulated:
        client = BoardClient(emulated.transport)
        client.hello()
        client.write_input(0, bytes(16))
        client.run()
        assert client.read_output(0) == fake_output(bytes(16))
        assert abs(emulated.baud() / 921_600 - 1) < 0.007


@pytest.mark.parametrize(
    ("name", "memory"),
    [(name, memory.name) for name in BOARDS for memory in load_board(name).memories_for("arena")],
)
def test_arena_in_every_memory(tmp_path: Path, name: str, memory: str) -> None:
    """Memories behind a clock gate are on before the arena is filled."""
    board = load_board(name)
    firmware = build_fake(tmp_path, board, toolchain_or_skip("gcc"), memory=memory, arena=4099)
    with EmulatedBoard(firmware.elf, board) as emulated:
        client = BoardClient(emulated.transport)
        assert client.hello().arena_bytes == 4099
        client.write_input(0, bytes(16))
        client.run()
        assert client.read_output(0) == fake_output(bytes(16))
        assert client.memory().arena_high_water == 40


OVERFLOW = "    volatile int zero[1] = {0};\n    if (deeper(zero) != 0) {\n        return 1;\n    }"


def build_bad(folder: Path, board: Board, statements: str) -> Firmware:
    """Firmware with a model whose run does something bad."""
    model = fake_files(board)["fake/model.c"].decode()
    bad = f"int fake_run(void)\n{{\n{statements}\n"
    assert "int fake_run(void)\n{\n" in model
    extra = (
        "static int deeper(volatile int *from)\n{\n"
        "    volatile int here[64];\n    here[0] = from[0] + 1;\n"
        "    return here[0] > 1000 ? 0 : deeper(here) + here[0];\n}\n\n"
    )
    uses_extra = extra if "deeper" in statements else ""
    changed = model.replace("int fake_run(void)\n{\n", uses_extra + bad)
    return build_fake(folder, board, toolchain_or_skip("gcc"), changes={"fake/model.c": changed})


def provoke(folder: Path, board: Board, statements: str) -> tuple[str, Path]:
    """What the board says when the model's run does something bad, and the ELF."""
    firmware = build_bad(folder, board, statements)
    with EmulatedBoard(firmware.elf, board) as emulated:
        return read_until(emulated, "mmfar 00000000\r\n"), firmware.elf


UNALIGNED = 'ldrd r0, r1, [%0]" ::"r"(0x20000001) : "r0", "r1'


@pytest.mark.parametrize(
    ("name", "statement", "status"),
    [
        ("stm32h743", "(void)*(volatile int *)0x28000000;", 0x8200),  # data bus, BFAR valid
        ("stm32h743", '__asm volatile("udf #0");', 1 << 16),  # undefined instruction
        ("stm32l4r9", f'__asm volatile("{UNALIGNED}");', 1 << 24),
        ("stm32l4r9", "((int (*)(void))0x60000001)();", 1 << 8),  # instruction bus
    ],
)
def test_faults_are_reported(tmp_path: Path, name: str, statement: str, status: int) -> None:
    board = load_board(name)
    text, _ = provoke(tmp_path, board, f"    {statement}")
    found = FAULT.search(text)
    assert found, text
    pc, sp, cfsr, hfsr, bfar = (int(group, 16) for group in found.groups())
    assert "self-test" not in text
    assert cfsr == status
    assert hfsr == 1 << 30  # forced: a fault whose own handler is off
    assert status != 0x8200 or bfar == 0x28000000
    assert board.data_memory.address < sp < board.data_memory.address + STACK_BYTES
    if status != 1 << 8:
        assert board.code_memory.address < pc < board.code_memory.address + 0x4000


@every_board
def test_stack_overflow_is_reported(tmp_path: Path, name: str) -> None:
    """The stack lies at the bottom: overflowing it faults instead of corrupting, and is told."""
    board = load_board(name)
    text, _ = provoke(tmp_path, board, OVERFLOW)
    assert "STACK OVERFLOW\r\nFAULT pc" in text
    found = FAULT.search(text)
    assert found, text
    sp = int(found[2], 16)
    assert sp < board.data_memory.address + 32 * 4


@pytest.mark.parametrize(
    "name", [name for name in BOARDS if load_board(name).qemu_machine], ids=str
)
def test_stack_overflow_hits_the_guard(tmp_path: Path, name: str) -> None:
    """In QEMU, which has the MPU: below the stack nothing else would fault there."""
    require_program(qemu.PROGRAM)
    board = load_board(name)
    firmware = build_bad(tmp_path, board, OVERFLOW)
    with QemuBoard(firmware.elf, board) as machine:
        text = b""
        while not re.search(rb"FAULT .*\n", text):
            piece = machine.read(1000, 10.0)
            assert piece, text
            text += piece
    assert b"STACK OVERFLOW\r\nFAULT pc" in text
    found = re.search(rb"cfsr (\w{8}) hfsr (\w{8})", text)
    assert found
    status = int(found[1], 16)
    assert status & 0xFF & ~0x20  # the MPU's part of the status
    assert not status >> 8
    assert int(found[2], 16) == 1 << 30
