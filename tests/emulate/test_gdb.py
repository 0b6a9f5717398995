"""The real gdb at an emulated board: load, break, step, look, faults at their source line."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from debuggers import debugged_board, run_gdb
from probe_firmware import CORES, Probe

from tinydeploy.emulate.debug.gdb_packets import INTERRUPT, PacketReader, pack

both = pytest.mark.parametrize("name", CORES)


@both
def test_load_break_step(name: str, probes: Callable[[str], Path]) -> None:
    elf = probes(name)
    with debugged_board(name, gdb=True) as (emulated, port):
        text = run_gdb(
            elf,
            port,
            [
                "load",
                "compare-sections",
                "break get",
                "continue",
                "backtrace",
                "info registers",
                "x/i $pc",
                "stepi",
                "p $s0",
                "x/4xb 0x70000000",
                "delete",
                "detach",
            ],
        )
        assert Probe(emulated).read_until("ready\n") == "ready\n"  # it runs on without gdb
    assert "MIS-MATCHED" not in text
    assert re.search(r"Section .text, range .*: matched", text)
    assert re.search(r"Breakpoint 1\S*, .*get \(\) at .*probe\.c:\d+", text)
    assert re.search(r"#0\s+.*get \(\)", text)
    assert re.search(r"^msp +0x", text, re.M)
    assert re.search(r"=> 0x80\w+ <start\+\d+>", text)
    assert "Cannot access memory at address 0x70000000" in text


@both
def test_a_fault_halts_at_its_line(name: str, probes: Callable[[str], Path]) -> None:
    elf = probes(name)
    with debugged_board(name, elf, gdb=True) as (emulated, port):
        Probe(emulated).read_until("ready\n")
        text = run_gdb(
            elf,
            port,
            ["continue", "backtrace", "p/x *(int*)0x20000000"],
            lambda: emulated.transport.write(b"N"),
        )
    assert "fault: writes 4 bytes at 0x60000000, where the board has no memory" in text
    assert "Program received signal SIGSEGV" in text
    source = Path(__file__).with_name("probe.c").read_text().splitlines()
    line = next(n for n, text in enumerate(source, 1) if "case 'N':" in text)
    assert re.search(rf"#0 .*start \(\) at .*probe\.c:{line}\b", text)
    assert "$1 = 0x" in text


def test_a_broken_rule_and_an_undefined_instruction(probes: Callable[[str], Path]) -> None:
    elf = probes("stm32h743")
    with debugged_board("stm32h743", elf, gdb=True) as (emulated, port):
        Probe(emulated).read_until("ready\n")
        text = run_gdb(elf, port, ["continue"], lambda: emulated.transport.write(b"p"))
        assert "the firmware stopped: writes the word at 0x5f000000" in text
        assert "SIGABRT" in text
        text = run_gdb(elf, port, ["monitor reset halt", "monitor nonsense", "p $sp"])
        assert "reset halt: stand before it" in text
    with debugged_board("stm32h743", elf, gdb=True) as (emulated, port):
        Probe(emulated).read_until("ready\n")
        text = run_gdb(elf, port, ["continue"], lambda: emulated.transport.write(b"u"))
        assert "SIGILL" in text


def test_breakpoint_is_passed_and_hit_again(probes: Callable[[str], Path]) -> None:
    elf = probes("stm32l4r9")
    with debugged_board("stm32l4r9", elf, gdb=True) as (emulated, port):
        Probe(emulated).read_until("ready\n")
        text = run_gdb(
            elf,
            port,
            ["break probe_run", "continue", "continue", "finish"],
            lambda: emulated.transport.write(b"mm"),
        )
    assert text.count("Breakpoint 1, probe_run") == 2
    assert "Value returned is $1 = 0" in text


def test_packets() -> None:
    reader = PacketReader()
    assert reader.feed(b"+$g#6") == []
    assert reader.feed(b"7") == [b"g"]
    assert reader.feed(b"$g#00\x03$?#3f") == [None, INTERRUPT, b"?"]
    assert reader.feed(pack(b"X20,4:#$}*")) == [b"X20,4:#$}*"]


@pytest.mark.parametrize(
    "packet",
    [b"m", b"mzz,1", b"P99=0", b"p99", b"X0", b"G12", b"qXfer:features:read", b"vFlashWrite",
     b"vFlashErase:0,10", b"vFlashWrite:ffffffff:x", b"Z1", b"qRcmd,zz", b"vCont;x", b"\xff\xff"],
)  # fmt: skip
def test_malformed_packets_are_answered(packet: bytes) -> None:
    with (
        debugged_board("stm32l4r9", gdb=True) as (_, port),
        socket.create_connection(("localhost", port), 10) as client,
    ):
        client.sendall(pack(packet) + pack(b"?"))
        answer = b""
        while b"$S02#b5" not in answer:
            piece = client.recv(1000)
            assert piece, answer
            answer += piece
