"""Nets on boards: what fits, what does not and why, and that it is found once."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.measure import Silence
from benchmarks.mobilenet_v2 import make_mobilenet_v2
from tinydeploy.board import load_board
from tinydeploy.compare import place as place_module
from tinydeploy.compare.place import Placement, parse_sizes, place_net
from tinydeploy.compare.random_net import make_random_net
from tinydeploy.compare.tables import show_markdown, show_text, write_csv, write_json
from tinydeploy.errors import UsageError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import DATA_RESERVE, plan_memory
from tinydeploy.zoo.counts import CountBook
from tinydeploy.zoo.registry import find_model


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path))
    return tmp_path


def place(name: str, size: int | None, measure: bool = False) -> Placement:
    board = load_board("stm32h743")
    watch = Silence() if measure else None
    return place_net(find_model(name), size, board, CountBook(), measure=watch)


def test_the_same_net_is_the_same_file(cache: Path) -> None:
    entry = find_model("mobilenet_v2-0.1")
    first = make_random_net(entry, 32)
    kept = cache / "zoo" / "mobilenet_v2-0.1-3x32x32.tflite"
    assert kept.read_bytes() == first
    kept.unlink()
    assert make_random_net(entry, 32) == first
    kept.write_bytes(b"changed by somebody")
    kept.with_suffix(".key").write_text("older sources")
    assert make_random_net(entry, 32) == first


def test_estimates_are_close_to_what_is_measured() -> None:
    guess, exact = place("resnet_8", None), place("resnet_8", None, measure=True)
    assert guess.fits
    assert exact.measured
    assert exact.ram == guess.ram < (guess.ram_layerwise or 0)
    assert exact.instructions == pytest.approx(guess.instructions, rel=0.15)
    assert exact.latency_ms == pytest.approx(guess.latency_ms, rel=0.2)
    assert exact.flash == pytest.approx(guess.flash, rel=0.1)
    assert (guess.parameters, guess.own_size) == (78_186, True)


@pytest.mark.slow
def test_mobilenet_v2_fits_the_ram_with_its_input_whole() -> None:
    """At 224x224; the weights have no room in the board's flash, which plans do not look at."""
    board = load_board("stm32h743")
    graph = fuse_graph(read_graph(make_mobilenet_v2(), "mobilenet_v2"))
    plan = plan_memory(graph, board)
    check_plan(graph, plan, board)
    assert plan.arena_bytes <= 205_000


def test_what_was_found_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first = place("plain_cnn", None)
    monkeypatch.setattr(place_module, "_place", None)
    assert place("plain_cnn", None) == first


def test_too_large_for_flash_is_told_without_making_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_module, "make_random_net", None)
    for name in ("resnet50", "mobilenet_v2-1.0"):
        found = place(name, 96)
        assert not found.fits
        assert found.reason.startswith(f"flash: {name} has ")
        assert "bytes are missing" in found.reason
    assert place("resnet50", 96) == place("resnet50", 224)  # counted at its own size


def test_too_large_for_ram() -> None:
    board = load_board("stm32h743")
    kept = board.data_memory
    memories = [m if m is kept else replace(m, size=1024) for m in board.memories_for("arena")]
    memories = [replace(m, size=DATA_RESERVE + 1024) if m is kept else m for m in memories]
    others = [m for m in board.memories if "arena" not in m.use]
    small = replace(board, memories=(*others, *memories))
    found = place_net(find_model("resnet_8"), None, small, CountBook())
    assert found.reason.startswith("RAM: ")
    assert (found.ram, found.instructions) != (None, None)


@pytest.mark.parametrize("text", ["", "96,", "7", "2000", "96x96", "-96"])
def test_resolutions_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="is no list of resolutions"):
        parse_sizes(text)


def test_resolutions() -> None:
    assert parse_sizes("224, 96,224") == (224, 96)


FITS = Placement("a-net", 96, 96, False, 1_000_000, 20_000_000, 65.5, 1_144_864, 50_736, 30_232,
                 26_913_918, 59.76, measured=True)  # fmt: skip
LARGE = Placement("b", 224, 224, True, 25_000_000, 4_000_000_000, 76.1, reason="flash: too | much")


def test_text() -> None:
    text = show_text("A board", [FITS, LARGE])
    assert max(map(len, text.splitlines())) <= 80
    line = next(line for line in text.splitlines() if line.startswith("a-net"))
    assert line.split()[1:] == ["96", "1,118", "30", "50", "26.9*", "59.8", "~65.5"]
    assert "b at 224x224: flash: too | much" in text


def test_tables_for_machines() -> None:
    rows = list(csv.DictReader(io.StringIO(write_csv([FITS, LARGE]))))
    assert [row["fits"] for row in rows] == ["True", "False"]
    assert rows[0]["instructions"] == "26913918"
    nets = json.loads(write_json("board", [FITS, LARGE]))["nets"]
    assert nets[1]["ram"] is None
    assert nets[1]["reason"] == "flash: too | much"


def test_markdown() -> None:
    lines = show_markdown("A board", [FITS, LARGE]).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert "**26,913,918**" in table[2]
    assert {line.replace("\\|", "").count("|") for line in table} == {12}
