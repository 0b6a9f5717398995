"""The baseline: equal figures give equal bytes, and a file that is none is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.check.sample import chain, make_figures
from tinydeploy.check.baseline import NAME, format_baseline, read_baseline, write_baseline
from tinydeploy.errors import OutputError, UsageError

ONE, TWO = make_figures(chain(3, 8, 8)), make_figures(chain(3, 8, 16, 8), accuracy=0.98)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_baseline(tmp_path / NAME, {"b": ONE, "a": TWO})
    assert read_baseline(tmp_path / NAME) == {"a": TWO, "b": ONE}
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_no_file_is_an_empty_baseline(tmp_path: Path) -> None:
    assert read_baseline(tmp_path / NAME) == {}


def test_the_order_of_targets_does_not_matter_and_a_layer_is_a_line() -> None:
    text = format_baseline({"b": ONE, "a": TWO})
    assert text == format_baseline({"a": TWO, "b": ONE})
    wider = format_baseline({"b": ONE, "a": make_figures(chain(3, 8, 17, 8), accuracy=0.98)})
    changed = [
        (old, new)
        for old, new in zip(text.splitlines(), wider.splitlines(), strict=True)
        if old != new
    ]
    assert sum('"op"' in old for old, _ in changed) == 2  # the layer and the one behind it
    assert len(changed) <= 6


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["schema"], "other", "another version"),
        (["targets"], [], "no targets"),
        (["targets", "b"], 5, "target b"),
        (["targets", "b", "code"], "many", "code is str"),
        (["targets", "b", "code"], True, "code is bool"),
        (["targets", "b", "extra"], 1, "extra is missing or unknown"),
        (["targets", "b", "values", "flash"], "1", "values.flash"),
        (["targets", "b", "layers", 0, "macs"], None, "layers[0].macs"),
        (["targets", "b", "layers", 0, "output_shape"], ["x"], "layers[0]"),
        (["targets", "b", "layers", 0, "input_shapes"], [5], "layers[0]"),
        (["targets", "b", "held", 0, "scratch"], 0, "held[0].scratch"),
    ],
)
def test_files_that_are_none(tmp_path: Path, path: list[Any], value: Any, words: str) -> None:
    content = json.loads(format_baseline({"b": ONE}))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file = tmp_path / NAME
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_baseline(file)
    assert words in caught.value.message
    assert "--update-baseline" in caught.value.hint


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD\n{}", "[]", "5", "[" * 100_000])
def test_files_that_are_no_json(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="no baseline"):
        read_baseline(tmp_path / NAME)


def test_a_baseline_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_baseline(tmp_path / NAME, {"b": ONE})
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
