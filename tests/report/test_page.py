"""The page has what the report has, says what is missing, and lets no text become markup."""

from __future__ import annotations

import dataclasses
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report.sample_report import make_report
from tinydeploy.report.build_report import (
    BoxFacts,
    BuildReport,
    DetectedPictureFacts,
    DetectionFacts,
    PlanFacts,
    PrecisionFacts,
    RangeFacts,
)
from tinydeploy.report.page.page import write_page
from tinydeploy.report.page.plan_choice import view_plans
from tinydeploy.report.page.words import list_words, show_large, show_share, show_size
from tinydeploy.report.read_report import read_report

VOID = {"meta", "link", "br", "hr", "img", "input", "path"}
HOSTILE = "\"'></td></title><script>alert(1)</script><img src=x onerror=alert(1)>\x00\u202e\ud800"


class Reader(HTMLParser):
    """Checks that elements close as they open, and notes them and their text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if not {"style", "script"} & set(self.open) else ""


def test_the_page_is_whole_and_needs_nothing_else(report: BuildReport) -> None:
    page = Reader(write_page(report))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {"memory", "layers", "symbols", "plans", "ranges", "quality", "origin"} <= set(ids)
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert all(link is not None and link[1:] in ids for link in links)
    assert not [attrs for _, attrs in page.tags if "src" in attrs]
    assert "http" not in page.text
    assert report.model.tflite_sha256 in page.text
    assert report.origin.firmware_sha256 in page.text
    assert report.origin.command in page.text
    assert f"At most {report.memory.peak.bytes:,} bytes are live at one moment" in page.text
    for layer in report.layers:
        assert f"layer-{layer.index}" in ids
        assert f"{layer.instructions:,}" in page.text


@pytest.mark.parametrize(
    ("rest", "words"), [(1, "7 bytes of 1 other."), (2, "14 bytes of 2 others.")]
)
def test_what_else_is_live_at_the_peak(report: BuildReport, rest: int, words: str) -> None:
    peak = report.memory.peak
    small = dataclasses.replace(peak.held[0], bytes=7)
    peak = dataclasses.replace(peak, held=(*[peak.held[0]] * 3, *[small] * rest))
    memory = dataclasses.replace(report.memory, peak=peak)
    page = Reader(write_page(dataclasses.replace(report, memory=memory)))
    assert words in page.text


def test_every_byte_of_the_plan_is_drawn(report: BuildReport) -> None:
    """The area of the paths is that of the report's rectangles."""
    page = Reader(write_page(report))
    marks = [attrs for tag, attrs in page.tags if (attrs.get("class") or "").startswith("mark")]
    occupants = report.memory.timeline.occupants
    assert len(marks) == len(occupants)
    for mark, occupant in zip(marks, occupants, strict=True):
        heights = [int(high) for high in re.findall(r"v(\d+)", mark["d"] or "")]
        assert heights == [end - begin for begin, end, _, _ in occupant.rectangles]
        assert f"{occupant.bytes:,} bytes at most" in (mark["aria-label"] or "")


def test_the_same_report_gives_the_same_page_whatever_time_it_took(report: BuildReport) -> None:
    slower = dataclasses.replace(report, seconds={"graph": 99.0})
    assert write_page(slower) == write_page(report)


def test_what_is_missing_is_said_with_what_gives_it() -> None:
    text = Reader(write_page(make_report(samples=False, run=False))).text
    assert "The emulated board was left out" in text
    assert "an int8 file was built" in text
    assert "--data" in text
    assert "Confusion" not in text
    report = make_report(samples=False)
    one = dataclasses.replace(report, plans=report.plans[1:2])
    assert "tinydeploy plan" in Reader(write_page(one)).text


def test_no_name_becomes_markup() -> None:
    page = Reader(write_page(make_report(rename=HOSTILE)))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text  # as text
    assert not any(c in page.text for c in "\x00\u202e\ud800")
    policy = next(a["content"] for _, a in page.tags if "Content-Security" in str(a))
    assert policy is not None
    assert "default-src 'none'" in policy
    write_page(make_report(rename=HOSTILE)).encode()


def test_a_detector_shows_its_precision(report: BuildReport) -> None:
    precision = PrecisionFacts(0.75, 0.5)
    found = DetectionFacts(precision, PrecisionFacts(0.7, 0.4), 8, 21, 0.4, 0.5, ())
    detector = dataclasses.replace(report, accuracy=None, detection=found)
    text = Reader(write_page(detector)).text
    assert "mAP@0.5, int870.00 %float 75.00 %, 21 objects in 8 pictures" in text
    assert "float75.00 %50.00 %" in text
    assert "labelled samples" not in text
    assert "img" not in {tag for tag, _ in Reader(write_page(detector)).tags}


def test_a_detector_s_pictures_are_in_the_page(report: BuildReport) -> None:
    box, name = BoxFacts("7", 0.5, (0.0, 0.0, 4.0, 4.0)), "detections/picture0.png"
    picture = DetectedPictureFacts(name, (box,), (box, box))
    gone = dataclasses.replace(picture, file="detections/picture1.png")
    found = DetectionFacts(None, PrecisionFacts(0.7, 0.4), 8, 21, 0.4, 0.5, (picture, gone))
    detector = dataclasses.replace(report, accuracy=None, detection=found)
    page = Reader(write_page(detector, {name: b"content"}))
    (image,) = [attrs for tag, attrs in page.tags if tag == "img"]
    assert image["src"] == "data:image/png;base64,Y29udGVudA=="
    assert "float: 1 box: 7 (0.50)int8: 2 boxes: 7 (0.50), 7 (0.50)" in page.text


def test_tensors_of_int16_have_a_range_and_no_histogram(report: BuildReport) -> None:
    wide = RangeFacts("wide", 0, False, "int16", 0.5, 0, None, None, None, ())
    ranges = dataclasses.replace(report.ranges, tensors=(wide,))
    page = Reader(write_page(dataclasses.replace(report, ranges=ranges)))
    assert "-16,384" in page.text
    assert not [attrs for _, attrs in page.tags if attrs.get("class") == "histogram"]


def test_the_line_of_the_best_plans(report: BuildReport) -> None:
    def plan(name: str, arena: int, outside: int, cost: int) -> PlanFacts:
        return PlanFacts(name, arena, outside, arena, cost, None, cost, 0, chosen=name == "b")

    plans = (plan("a", 300, 0, 90), plan("b", 100, 0, 100), plan("c", 100, 50, 101))
    choice = view_plans(dataclasses.replace(report, plans=plans))
    assert choice is not None
    assert [(point.ram, point.best) for point in choice.points] == [
        (300, True),
        (100, True),
        (150, False),
    ]
    assert choice.front.startswith(f"M{choice.points[1].left} ")
    assert all(0 <= p.left <= 100 and 0 <= p.bottom <= 100 for p in choice.points)


def test_words() -> None:
    assert [show_large(v) for v in (0, 812, 9999, 12_345, 999_600, 12e6, 1.5e9)] == [
        "0", "812", "9,999", "12.3 k", "1,000 k", "12.0 M", "1.50 G",
    ]  # fmt: skip
    assert [show_size(v) for v in (1023, 1024, 1024 * 1024)] == [
        "1,023 bytes",
        "1.0 KiB",
        "1.00 MiB",
    ]
    assert [show_share(p, 10_000) for p in (0, 9999, 10_000)] == ["0.0 %", "99.9 %", "100.0 %"]
    assert [list_words(list(w)) for w in ("", "a", "ab", "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


@pytest.mark.parametrize("level", [math.inf, math.nan])
def test_figures_that_json_cannot_say(report: BuildReport, level: float, tmp_path: Path) -> None:
    """An exact layer has an infinite SNR: the page of a build is the one of its report.json."""
    assert report.quantization
    layers = tuple(dataclasses.replace(layer, snr_db=level) for layer in report.quantization)
    exact = dataclasses.replace(report, quantization=layers)
    (tmp_path / "report.json").write_text(exact.to_json(), encoding="utf-8")
    assert write_page(exact) == write_page(read_report(tmp_path / "report.json"))
