"""docs/zoo.md lists the nets that there are."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.__main__ import place_tables
from benchmarks.zoo import NETS, list_tables
from tinydeploy.zoo.counts import CountBook
from tinydeploy.zoo.registry import find_model

TEXT = (Path(__file__).parent.parent / "docs" / "zoo.md").read_text(encoding="utf-8")


def table(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", TEXT, re.DOTALL)
    assert found
    lines = found[1].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_lists_are_current() -> None:
    """If not: python -m benchmarks.zoo --lists --write docs/zoo.md."""
    assert place_tables(TEXT, list_tables(CountBook())) == TEXT


def test_so_many_nets_are_proven() -> None:
    assert len(table("zoo stm32h743")) >= 25
    for board in ("stm32h743", "stm32l4r9"):
        rows = table(f"zoo {board}")
        assert {row[0] for row in rows} <= set(NETS)
        assert {row[-1] for row in rows} == {"yes"}


def test_every_net_of_the_benchmark_is_known() -> None:
    assert len({find_model(name).name for name in NETS}) == len(NETS) == 28
