"""Published figures against ours: they agree after rounding, or the reason is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinydeploy.errors import UsageError
from tinydeploy.model.count import Counts
from tinydeploy.zoo import counts as counts_module
from tinydeploy.zoo.counts import CountBook
from tinydeploy.zoo.literature import (
    TITLES,
    LiteratureRow,
    list_literature,
    pick_macs,
    pick_parameters,
    rounds_to,
)
from tinydeploy.zoo.registry import ModelEntry, find_model, list_models

# Compared at one resolution, published for another.
OTHER_RESOLUTION = "resolution"


@pytest.fixture(scope="module")
def book() -> CountBook:
    return CountBook()


@pytest.mark.parametrize(
    ("written", "value", "stands"),
    [
        ("3.4", 3.44, True),
        ("3.4", 3.46, False),
        ("300", 300.49, True),
        ("300", 302, False),
        ("300", 301.4, True),
        ("1.13", 1.137, False),
        ("", 7.0, True),
        ("60", 60.4, True),
        ("60", 61.1, False),
    ],
)
def test_a_written_number_stands_for_what_rounds_to_it(
    written: str, value: float, stands: bool
) -> None:
    assert rounds_to(written, value) is stands


@pytest.mark.parametrize(
    "entry", [e for e in list_models() if e.published], ids=lambda entry: entry.name
)
def test_published_figures_are_ours_or_explained(entry: ModelEntry, book: CountBook) -> None:
    """Within half a percent or the last digit, in the convention that the entry names."""
    published, counts = entry.published, book.count(entry)
    assert published is not None
    parameters = pick_parameters(counts, published.with_batch_norm) / 1e6
    macs = pick_macs(counts, published.with_batch_norm) / 1e6
    same = rounds_to(repr(published.parameters / 1e6), parameters)
    same = same and rounds_to(f"{published.macs / 1e6:g}", macs)
    assert same == (not published.remark), f"{entry.name}: {parameters} M, {macs} M"


@pytest.mark.parametrize(
    "row", list_literature(), ids=lambda row: f"{row.comparison}-{row.network}"
)
def test_a_row_agrees_or_says_why_not(row: LiteratureRow, book: CountBook) -> None:
    found = row.count(book)
    if found is None:
        assert row.remark.startswith("no public definition")
    elif row.disagreements(found):
        assert row.remark


def test_every_comparison_has_its_rows() -> None:
    rows = list_literature()
    names = {key: [row.network for row in rows if row.comparison == key] for key in TITLES}
    assert {key: len(found) for key, found in names.items()} == {
        "compact": 60,
        "distillation": 12,
        "tinyml": 12,
        "etinynet": 12,
    }
    assert all(len(set(found)) == len(found) for found in names.values())


def test_a_row_that_is_wrong_is_found(book: CountBook) -> None:
    row = LiteratureRow("compact", "x", "mobilenet_v2-0.35", 224, "61.0", "1.7", "70", "", "")
    assert row.disagreements(book.count(find_model(row.net), 224)) == ("MACs", "top-1")


def test_conventions() -> None:
    counts = Counts(1, 2, 3, 4)
    assert (pick_parameters(counts, False), pick_parameters(counts, True)) == (1, 2)
    assert (pick_macs(counts, False), pick_macs(counts, True)) == (3, 4)


def test_counts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path))
    entry = find_model("resnet_8")
    first = CountBook()
    counted = first.count(entry)
    first.save()
    monkeypatch.setattr(counts_module, "count_model", None)
    assert CountBook().count(entry) == counted
    (tmp_path / "zoo-counts.json").write_text('{"key": 7}')
    with pytest.raises(TypeError):  # counted anew, which cannot be done here
        CountBook().count(entry)


def test_inputs_that_a_net_does_not_take(book: CountBook) -> None:
    with pytest.raises(UsageError, match="takes no pictures"):
        book.count(find_model("ds_cnn"), 64)
    with pytest.raises(UsageError, match="cannot take inputs of 8x8"):
        book.count(find_model("squeezenet-1.0"), 8)
