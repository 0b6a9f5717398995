"""A build with an accelerator: its report is valid, is read back, and its page has all of it."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.report.sample_accelerated import make_accelerated
from tests.report.sample_report import make_report
from tests.report.test_page import HOSTILE, Reader
from tinydeploy.check.compare import compare_builds
from tinydeploy.check.compare_page import write_comparison_page
from tinydeploy.check.compare_text import write_comparison
from tinydeploy.errors import InputFileError
from tinydeploy.report.accelerated_report import (
    SCHEMA_FILE,
    AcceleratedReport,
    ComparedPictureFacts,
    ComparedQualityFacts,
    NetQualityFacts,
)
from tinydeploy.report.build_report import BoxFacts, PrecisionFacts
from tinydeploy.report.page.accelerated_page import write_accelerated_page
from tinydeploy.report.page.npu_views import view_stages
from tinydeploy.report.read_report import find_report, read_pictures, read_report


def write_build(folder: Path, report: AcceleratedReport, pictures: dict[str, bytes]) -> Path:
    """The report of a build in a folder, with its pictures."""
    for name, content in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    folder.mkdir(exist_ok=True)
    file = folder / "npu_report.json"
    file.write_text(report.to_json(), encoding="utf-8")
    return file


@pytest.mark.parametrize("samples", [True, False])
def test_what_is_written_is_valid_and_is_read(tmp_path: Path, samples: bool) -> None:
    report, pictures = make_accelerated(samples=samples)
    file = write_build(tmp_path, report, pictures)
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(file.read_text(encoding="utf-8")))
    assert find_report(tmp_path) == file
    assert read_report(file) == report
    assert read_pictures(file, report) == pictures
    assert len(pictures) == (4 if samples else 0)


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    report, pictures = make_accelerated()
    page = Reader(write_accelerated_page(report, pictures))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert all(link is not None and link[1:] in ids for link in links)
    assert {"split", "timeline", "frame", "memory", "symbols", "quality", "origin"} <= set(ids)
    sources = [attrs["src"] or "" for _, attrs in page.tags if "src" in attrs]
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in page.text
    (stays,) = [layer for layer in report.layers if layer.reason]
    assert stays.op == "SOFTMAX"
    assert stays.reason in page.text
    assert f"{len(report.layers) - 1} of {len(report.layers)} layers run on TinyNPU" in page.text
    for text in (
        f"{report.energy_mj} mJ per frame",
        "7.36 mW (assumed",
        f"{report.frames_per_second} frames per second",
        "TinyNPU and microcontroller90.00 %",
        "LiteRT int8100.00 %",
        "float100.00 %",
        f"requests repeated{report.stream.repeated}",
        report.tflite_sha256,
        report.program.identity,
    ):
        assert text in page.text


def test_every_instruction_with_a_unit_is_drawn_as_long_as_it_takes() -> None:
    report, pictures = make_accelerated()
    page = Reader(write_accelerated_page(report, pictures))
    marks = [attrs for tag, attrs in page.tags if (attrs.get("class") or "").startswith("mark")]
    steps = [step for step in report.program.instructions if step.unit]
    assert len(marks) == len(steps) > 5
    tops = set()
    for mark, step in zip(marks, steps, strict=True):
        found = re.fullmatch(r"M(\d+) (\d+)h(\d+)v\d+h-\d+z", mark["d"] or "")
        assert found
        assert int(found[1]) == step.start
        assert int(found[3]) == step.finish - step.start
        assert step.name in (mark["aria-label"] or "")
        assert mark.get("data-layer") == (None if step.layer is None else str(step.layer))
        tops.add((step.unit, found[2]))
    assert len(tops) == len({unit for unit, _ in tops}) == 3  # a row for each unit


def test_layers_own_their_instructions() -> None:
    report, _ = make_accelerated()
    steps = report.program.instructions
    for layer in report.layers:
        assert all(steps[number].layer == layer.index for number in layer.instructions)
    kinds = {layer.op: [steps[n].name for n in layer.instructions] for layer in report.layers}
    assert kinds["MEAN"] == ["MEAN"]
    assert kinds["DEPTHWISE_CONV_2D"] == ["DWCONV"]
    assert kinds["SOFTMAX"] == []
    assert [steps[0].name, steps[-1].name] == ["WAIT", "JUMP"]


def test_stages_of_a_picture_are_its_whole_time() -> None:
    report, _ = make_accelerated()
    alone, core, wires, accelerator = view_stages(report)
    whole = report.prepare_ms + report.link_and_compute_ms + report.rest_ms
    assert [part.title for part in alone.parts] == ["prepare", "link", "TinyNPU", "rest"]
    assert float(alone.used) == pytest.approx(whole, abs=0.001)
    assert sum(part.percent for part in alone.parts) == pytest.approx(100, abs=0.01)
    assert {bar.limit for bar in (core, wires, accelerator)} == {f"{report.frame_ms:.3f}"}


def test_what_is_missing_is_said_with_what_gives_it() -> None:
    report, pictures = make_accelerated(samples=False)
    page = Reader(write_accelerated_page(report, pictures))
    assert "There are no labelled test samples" in page.text
    assert "--data" in page.text
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert "img-src" not in str(page.tags)


def test_a_detector_shows_boxes_and_the_precision_of_both() -> None:
    report, pictures = make_accelerated()
    box = BoxFacts("cat", 0.75, (1.0, 2.0, 9.0, 9.5))
    name = next(iter(pictures))
    finds = [NetQualityFacts(None, PrecisionFacts(p, p / 2)) for p in (0.9, 0.8, 0.7)]
    report = dataclasses.replace(
        report,
        boxes=5,
        litert_boxes=4,
        same_boxes=3,
        litert_top1=None,
        quality=ComparedQualityFacts(8, 21, *finds),
        classified=(),
        detected=(ComparedPictureFacts(name, (box, box), (box,)),),
    )
    page = Reader(write_accelerated_page(report, pictures))
    assert "21 objects in 8 test pictures" in page.text
    assert "float90.00 %45.00 %" in page.text
    assert "TinyNPU and microcontroller70.00 %35.00 %" in page.text
    assert "LiteRT int8: 2 boxes: cat (0.75), cat (0.75)TinyNPU: 1 box: cat (0.75)" in page.text
    assert "3 of 4; 5 in all" in page.text
    assert "same class" not in page.text


def test_no_name_becomes_markup() -> None:
    report, pictures = make_accelerated(rename=HOSTILE)
    page = Reader(write_accelerated_page(report, pictures))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert [tag for tag, _ in page.tags].count("img") == len(pictures)
    assert not any(c in page.text for c in "\x00\u202e\ud800")
    write_accelerated_page(report, pictures).encode()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["schema"], "other", "tinydeploy-npu-report-1"),
        (["frame_ms"], "1", "frame_ms is str"),
        (["extra"], 1, "extra is missing or unknown"),
        (["program", "instructions", 1, "finish"], 10**9, "lie within the frame"),
        (["program", "instructions", 1, "layer"], 99, "belongs to no layer"),
        (["layers", 0, "instructions"], [10**6], "instructions that are not there"),
    ],
)
def test_files_that_are_none(tmp_path: Path, path: list[Any], value: Any, words: str) -> None:
    file = write_build(tmp_path, *make_accelerated())
    content = json.loads(file.read_text(encoding="utf-8"))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputFileError) as caught:
        read_report(file)
    assert words in caught.value.message


def test_no_file_but_a_build_s_own_pictures_gets_into_a_page(tmp_path: Path) -> None:
    report, pictures = make_accelerated()
    secret = tmp_path / "secret.png"
    secret.write_bytes(next(iter(pictures.values())))
    build = tmp_path / "build"
    names = ["../secret.png", str(secret), "pictures/../../secret.png", "pictures/picture9.png"]
    shown = [dataclasses.replace(report.classified[0], file=name) for name in names]
    report = dataclasses.replace(report, classified=tuple(shown))
    file = write_build(build, report, pictures)
    (build / "pictures" / "picture9.png").write_text("no picture", encoding="utf-8")
    assert read_pictures(file, report) == {}


def test_two_builds_are_compared(tmp_path: Path) -> None:
    write_build(tmp_path / "a", *make_accelerated())
    write_build(tmp_path / "b", *make_accelerated(24))
    comparison = compare_builds(tmp_path / "a", tmp_path / "b")
    (target,) = comparison.targets
    assert [row.resource.name for row in target.rows] == [
        "flash", "ram", "latency", "accuracy", "max_drop",
    ]  # fmt: skip
    assert target.rows[0].value > (target.rows[0].before or 0)
    text = write_comparison(comparison)
    assert "net on stm32l4r9" in text
    assert "latency is that of a frame in a row" in " ".join(text.split())
    Reader(write_comparison_page(comparison))
    (same,) = compare_builds(tmp_path / "a", tmp_path / "a").targets
    assert same.same
    report, pictures = make_accelerated()
    write_build(tmp_path / "c", dataclasses.replace(report, link="sdio"), pictures)
    (target,) = compare_builds(tmp_path / "a", tmp_path / "c").targets
    assert "other accelerators: TinyNPU over SPI, now TinyNPU over SDIO" in target.notes


def test_one_of_the_two_may_have_no_accelerator(tmp_path: Path) -> None:
    write_build(tmp_path / "a", *make_accelerated())
    (tmp_path / "report.json").write_text(make_report().to_json(), encoding="utf-8")
    text = " ".join(write_comparison(compare_builds(tmp_path, tmp_path / "a")).split())
    assert "other accelerators: none, now TinyNPU over SPI" in text
    assert "other boards: stm32h743, now stm32l4r9" in text
