"""What a build wrote is read back, and files that are no report are refused with a place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tinydeploy.errors import InputFileError
from tinydeploy.report.build_report import SCHEMA_FILE, BuildReport
from tinydeploy.report.page.page import write_page
from tinydeploy.report.read_report import find_report, read_report


@pytest.fixture
def file(tmp_path: Path, report: BuildReport) -> Path:
    (tmp_path / "report.json").write_text(report.to_json(), encoding="utf-8")
    return find_report(tmp_path)


def test_what_is_written_is_read(file: Path, report: BuildReport) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(content, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    assert read_report(file) == report
    assert write_page(read_report(file)) == write_page(report)
    assert find_report(file) == file


def test_arrays_of_numbers_stay_on_a_line(file: Path, report: BuildReport) -> None:
    text = file.read_text(encoding="utf-8")
    first = report.memory.timeline.occupants[0]
    assert f'"rectangles": [\n            {list(first.rectangles[0])}'.replace(" ", "") in (
        text.replace(" ", "")
    )
    assert '"shape": [1, 24, 24, 3]' in text.replace("[ ", "[").replace(" ]", "]")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["schema"], "other", "version tinydeploy-report-1"),
        (["memory"], None, "memory is no table"),
        (["memory", "flash_bytes"], "1", "memory.flash_bytes is str"),
        (["memory", "flash_bytes"], True, "memory.flash_bytes is bool"),
        (["memory", "extra"], 1, "memory.extra is missing or unknown"),
        (["layers"], {}, "layers is dict"),
        (["layers", 0, "output_shape", 1], 1.5, "layers[0].output_shape[1] is float"),
        (["origin", "packages"], [], "origin.packages is list"),
        (["accuracy", "confusion", 0], [1, 2], "accuracy.confusion[0] has 2 entries, not 3"),
        (["fidelity", "cosine"], float("nan"), "fidelity.cosine is nan"),
        (["memory", "timeline", "moments"], 10**9, "disagree"),
        (["memory", "timeline", "peak"], -1, "disagree"),
        (["memory", "timeline", "groups", 0, "begin"], 0, "do not follow"),
        (["memory", "timeline", "groups", 0, "layers"], [], "do not follow"),
        (["memory", "timeline", "occupants", 0, "rectangles"], [], "lie in its arena"),
        (["memory", "timeline", "occupants", 0, "memory"], "x", "lie in its arena"),
        (["memory", "timeline", "occupants", 0, "rectangles", 0, 1], 10**9, "lie in its arena"),
    ],
)
def test_files_that_are_none(file: Path, path: list[Any], value: Any, words: str) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputFileError) as caught:
        read_report(file)
    assert words in caught.value.message
    assert "tinydeploy build" in caught.value.hint


@pytest.mark.parametrize("text", ["", "5", "[]", "{", "[" * 100_000, "\xff"])
def test_files_that_are_no_json(file: Path, text: str) -> None:
    file.write_text(text, encoding="latin-1")
    with pytest.raises(InputFileError, match="no report"):
        read_report(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="cannot read"):
        read_report(find_report(tmp_path))
