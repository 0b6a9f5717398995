"""docs/zoo.md lists the nets that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import place_tables
from benchmarks.zoo import NETS, list_tables, measure_net, merge_rows, pick_sizes, show_placements
from tinydeploy.board import load_board
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
    assert len(table("zoo stm32l4r9")) >= 20
    for board in ("stm32h743", "stm32l4r9"):
        rows = table(f"zoo {board}")
        assert {row[0] for row in rows} <= set(NETS)
        assert {row[-1] for row in rows} == {"yes"}


@pytest.mark.parametrize(
    ("board", "net"), [("stm32h743", "ds_cnn"), ("stm32l4r9", "etinynet-0.35")]
)
def test_a_row_is_what_is_measured(
    board: str, net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit-exact again; random weights may differ a little from one processor to the next."""
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path))
    found = measure_net(net, load_board(board), pick_sizes(net, board), CountBook())
    assert found.measured
    (written,) = (row for row in table(f"zoo {board}") if row[0] == net)
    (now,) = (line.split(" | ") for line in show_placements([found]).splitlines()[2:])
    assert now[1:4] == written[1:4]
    for column in (4, 5, 6, 7):
        figure, old = (int(row[column].replace(",", "")) for row in (now, written))
        assert figure == pytest.approx(old, rel=0.01)


def test_rows_of_other_nets_stay() -> None:
    page = "a\n<!-- t -->\n| net |\n| - |\n| etinynet-0.5 | 1 |\n| ds_cnn | 2 |\n<!-- end -->\nb"
    new = "| net |\n| - |\n| ds_cnn | 4 |\n| etinynet-1.0 | 3 |\n"
    rows = "| etinynet-1.0 | 3 |\n| etinynet-0.5 | 1 |\n| ds_cnn | 4 |\n"
    assert merge_rows(page, "t", new) == f"| net |\n| - |\n{rows}"


def test_every_net_of_the_benchmark_is_known() -> None:
    assert len({find_model(name).name for name in NETS}) == len(NETS) == 32
