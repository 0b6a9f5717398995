"""The description of a detector: what it may say, and what a hostile file may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tinydeploy.detection.spec import AnchorSource, DetectionSpec, check_outputs
from tinydeploy.errors import InputFileError

SPEC = DetectionSpec(
    image_size=(96, 100),
    sources=(AnchorSource(8, ((16.0, 16.0), (22.5, 30.0))), AnchorSource(16, ((38.0, 28.0),))),
    classes=("cat", "dög"),
)


def test_shapes_count_places_anchors_and_the_background() -> None:
    assert SPEC.output_shapes == ((1, 12, 13, 6), (1, 12, 13, 8), (1, 6, 7, 3), (1, 6, 7, 4))
    assert SPEC.anchor_count == 12 * 13 * 2 + 6 * 7
    check_outputs(SPEC, SPEC.output_shapes)
    with pytest.raises(InputFileError, match=r"the net's are \[1, 6, 7, 4\]"):
        check_outputs(SPEC, SPEC.output_shapes[3:])


def test_text_gives_the_same_spec() -> None:
    spec = replace(SPEC, score_threshold=0.25, max_detections=7, box_variances=(1.0, 1, 2, 0.5))
    assert DetectionSpec.from_json(spec.to_json()) == spec
    assert DetectionSpec.from_json(spec.to_json().encode()) == spec


@pytest.mark.parametrize(
    "values",
    [
        {"image_size": (0, 96)},
        {"image_size": (96, 5000)},
        {"sources": ()},
        {"sources": (AnchorSource(0, ((1.0, 1.0),)),)},
        {"sources": (AnchorSource(8, ()),)},
        {"sources": (AnchorSource(8, ((0.0, 4.0),)),)},
        {"sources": (AnchorSource(8, ((float("nan"), 4.0),)),)},
        {"image_size": (4096, 4096), "sources": (AnchorSource(1, ((1.0, 1.0),)),)},
        {"classes": ()},
        {"classes": ("a", "a")},
        {"classes": ("",)},
        {"classes": ("two\nlines",)},
        {"classes": ("x" * 101,)},
        {"box_variances": (0.1, 0.1, 0.2, 0.0)},
        {"score_threshold": 1.5},
        {"iou_threshold": -0.1},
        {"max_candidates": 0},
        {"max_detections": 101},
    ],
    ids=str,
)
def test_values_out_of_range_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputFileError, match="tinydeploy_detection"):
        replace(SPEC, **values)


def _drop(content: dict[str, Any]) -> None:
    del content["classes"]


def _put(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def put(content: dict[str, Any]) -> None:
        content[name] = value

    return put


@pytest.mark.parametrize(
    "damage",
    [
        _drop,
        _put("more", 1),
        _put("version", 2),
        _put("image_size", [96]),
        _put("image_size", [96.5, 96]),
        _put("image_size", "96"),
        _put("sources", {}),
        _put("sources", [[8, 16]]),
        _put("sources", [{"stride": 8, "anchors": [[1, 2, 3]]}]),
        _put("sources", [{"stride": True, "anchors": [[1, 2]]}]),
        _put("classes", [1, 2]),
        _put("classes", ["\ud800"]),
        _put("max_candidates", 1e3),
        _put("score_threshold", None),
        _put("iou_threshold", float("nan")),
        _put("box_variances", [1, 2, 3]),
    ],
)
def test_damaged_texts_are_refused(damage: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(SPEC.to_json())
    damage(content)
    with pytest.raises(InputFileError, match="tinydeploy_detection"):
        DetectionSpec.from_json(json.dumps(content))


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"[" * 100_000, b" " * 200_000, "null"])
def test_what_is_no_description_is_refused(text: str | bytes) -> None:
    with pytest.raises(InputFileError, match="tinydeploy_detection"):
        DetectionSpec.from_json(text)
