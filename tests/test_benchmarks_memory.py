"""The tables of arenas, and their place in docs/memory.md."""

from __future__ import annotations

import random
import re
from pathlib import Path

from benchmarks.memory import (
    Arena,
    MemoryNeeds,
    count_tables,
    measure_memory,
    show_arenas,
    show_costs,
)
from benchmarks.recomputation import Cost, Pair, show_pairs
from tests.builders import conv_model
from tinydeploy.codegen.schedule_text import count_table_bytes, describe_schedule
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.plan import Plan, Rows, Step

DOCUMENT = Path(__file__).parent.parent / "docs" / "memory.md"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_tables() -> None:
    arenas = {"arena": Arena(25_177, 25_000, 9_000_000, 10), "rows": Arena(9000, 8000, None, 20)}
    needs = [MemoryNeeds("mlperf_tiny_vww", 55_296, arenas)]
    line = cells(show_arenas(needs).splitlines()[-1])
    assert line == ["mlperf_tiny_vww", "55,296", "25,177", "", "9,000", "100,708", "0.25"]
    arena, rows = map(cells, show_costs(needs).splitlines()[-2:])
    assert arena == ["mlperf_tiny_vww", "arena", "25,177", "25,000", "10", "9,000,000"]
    assert rows == ["mlperf_tiny_vww", "rows", "9,000", "8,000", "20", ""]


def test_table_of_recomputation() -> None:
    stored = Cost(9000, 1_000_000, exact=True, extra_macs=0, macs=800_000)
    again = Cost(7000, 1_100_000, exact=False, extra_macs=60_000, macs=800_000)
    line = cells(show_pairs([Pair("net", "rows", stored, again)]).splitlines()[-1])
    assert line == ["net", "rows", "9,000", "7,000", "1,000,000", "~1,100,000", "7.5%"]


def test_bytes_of_tables() -> None:
    rows = {
        0: Rows(0, "dtcm", 0, 8, 4, 8),
        1: Rows(1, "dtcm", 0, 0, 4, 8, (0, 8, 0, 8)),
    }
    pieces = random.Random(0).choices((1, 2, 3, 4), k=60)  # no loop says that shorter
    steps = tuple(Step(y % 2, 0, rows) for y, rows in enumerate(pieces))
    plan = Plan(steps, rows, {}, (), 0, {0: Kernel(""), 1: Kernel("")})
    assert count_tables(plan) == 2 * 4 + 2 * 60 == 8 + count_table_bytes(describe_schedule(steps))


def test_a_model_is_planned_for_every_form(tmp_path: Path) -> None:
    path = tmp_path / "small_int8.tflite"
    path.write_bytes(conv_model((8, 8, 3), 4))
    needs = measure_memory(path, "stm32h743", "balanced", build=False)
    assert needs.model == "small"
    assert list(needs.arenas) == ["arena", "kept", "rows"]
    for arena in needs.arenas.values():
        assert 0 < arena.lower_bound <= arena.size <= needs.whole
        assert arena.instructions is None


def test_places_are_those_of_tables() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert re.findall(r"<!-- (\w+ \w+) -->", text) == [
        "recomputation stm32h743",
        "arenas stm32h743",
        "costs stm32h743",
    ]
    assert (DOCUMENT.parent / "memory.svg").is_file()
