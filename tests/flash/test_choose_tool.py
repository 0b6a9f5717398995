"""Which tool and which probe are taken."""

from __future__ import annotations

import dataclasses

import pytest
from stand_ins import BOARD, StandIns

from tinydeploy.board import load_board
from tinydeploy.errors import BoardLinkError, MissingDependencyError, UsageError
from tinydeploy.flash.flash_board import TOOLS, choose_tool
from tinydeploy.link.ports import StLink

ONE = [StLink("0670FF", "STLINK-V3", "/dev/ttyACM0")]
TWO = [*ONE, StLink("066BFF", "ST-LINK/V2-1", "/dev/ttyACM1")]


def attach(monkeypatch: pytest.MonkeyPatch, probes: list[StLink]) -> None:
    monkeypatch.setattr("tinydeploy.flash.openocd.list_st_links", lambda: probes)


def test_the_first_that_sees_a_probe(stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.add("openocd", "exit 1")
    stand_ins.add("st-flash", "exit 1")
    stand_ins.add("st-info", "echo ' 1.'; echo '  serial:     0670FF'")
    assert choose_tool(BOARD, "auto").name == "stlink"
    attach(monkeypatch, ONE)
    assert choose_tool(BOARD, "auto").name == "openocd"
    assert choose_tool(BOARD, "stlink").name == "stlink"


def test_several_probes(stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.add("openocd", "exit 1")
    attach(monkeypatch, TWO)
    for name in ("auto", "openocd"):
        with pytest.raises(UsageError, match="several probes: STLINK-V3 0670FF, ST-LINK") as caught:
            choose_tool(BOARD, name)
        assert caught.value.hint == "Name one: --serial 0670FF"
    assert choose_tool(BOARD, "auto", serial="066BFF").name == "openocd"
    with pytest.raises(BoardLinkError, match="serial number 1234"):
        choose_tool(BOARD, "auto", serial="1234")


def test_no_probe(stand_ins: StandIns) -> None:
    stand_ins.add("openocd", "exit 1")
    stand_ins.add("dfu-util", "echo 'dfu-util 0.11'")
    with pytest.raises(BoardLinkError, match=r"no debug probe is connected \(asked: openocd, dfu"):
        choose_tool(BOARD, "auto")


def test_nothing_is_installed(stand_ins: StandIns) -> None:
    with pytest.raises(MissingDependencyError, match="no flashing tool") as caught:
        choose_tool(BOARD, "auto")
    for tool in TOOLS.values():
        assert tool.advice in caught.value.hint
        with pytest.raises(MissingDependencyError, match=f"{tool.name} is not installed"):
            choose_tool(BOARD, tool.name)
        assert choose_tool(BOARD, tool.name, must_exist=False) is tool  # for --dry-run
    assert choose_tool(BOARD, "auto", must_exist=False).name == "openocd"


def test_what_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="unknown tool 'hammer'"):
        choose_tool(BOARD, "hammer")
    with pytest.raises(UsageError, match="cannot reach an emulated board"):
        choose_tool(BOARD, "stlink", remote="localhost:1")
    for name in ("auto", "stlink"):
        with pytest.raises(UsageError, match=r"MPS2|stlink has no name"):
            choose_tool(load_board("mps2-an500"), name, must_exist=False)
    nameless = dataclasses.replace(BOARD, probes={})
    with pytest.raises(UsageError, match="openocd has no name for NUCLEO-H743ZI2") as caught:
        choose_tool(nameless, "openocd")
    assert "stlink, cubeprogrammer, dfu" in caught.value.hint
