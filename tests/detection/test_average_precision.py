"""The mean average precision, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.detection.anchors import make_anchors
from tinydeploy.detection.average_precision import AveragePrecision, loosen_spec, measure_precision
from tinydeploy.detection.boxes import encode_boxes, find_objects
from tinydeploy.detection.objects import Objects
from tinydeploy.detection.spec import AnchorSource, DetectionSpec

pytest.importorskip("pycocotools")

SPEC = DetectionSpec((32, 64), (AnchorSource(16, ((16.0, 16.0),)),), ("a", "b"))
ANCHORS = make_anchors(SPEC)


def show(*objects: tuple[tuple[float, float, float, float], int, bool]) -> Objects:
    boxes, classes, ignored = zip(*objects, strict=True) if objects else ((), (), ())
    return Objects(
        np.array(boxes, float).reshape(-1, 4), np.array(classes, np.int64), np.array(ignored, bool)
    )


def say(
    images: int, *found: tuple[int, int, tuple[float, float, float, float], int, float]
) -> list[np.ndarray]:
    """Outputs for boxes (image, anchor, box, class, logit)."""
    logits, offsets = np.zeros((images, 8, 3)), np.zeros((images, 8, 4))
    logits[..., 0] = 20
    for image, anchor, box, kind, logit in found:
        logits[image, anchor] = -20
        logits[image, anchor, [0, kind + 1]] = 0, logit
        offsets[image, anchor] = encode_boxes(
            np.array([box]), ANCHORS[anchor : anchor + 1], SPEC.box_variances
        )
    return [logits.reshape(images, 2, 4, 3), offsets.reshape(images, 2, 4, 4)]


def measure(outputs: list[np.ndarray], scenes: list[Objects]) -> AveragePrecision:
    return measure_precision(SPEC, find_objects(loosen_spec(SPEC), outputs), scenes)


A, B = (0.0, 0, 16, 16), (30.0, 10, 50, 30)


def test_all_right_is_one() -> None:
    scenes = [show((A, 0, False)), show((B, 1, False), (A, 1, False))]
    outputs = say(2, (0, 0, A, 0, 3.0), (1, 6, B, 1, 1.0), (1, 0, A, 1, 2.0))
    precision = measure(outputs, scenes)
    assert (precision.at_half, precision.coco) == pytest.approx((1, 1))
    assert (precision.images, precision.objects) == (2, 3)


def test_a_wrong_class_finds_nothing() -> None:
    precision = measure(say(1, (0, 0, A, 1, 3.0)), [show((A, 0, False))])
    assert precision.at_half == 0


def test_nothing_found_is_zero() -> None:
    assert measure(say(1), [show((A, 0, False))]).at_half == 0


def test_a_mistake_with_a_better_score_halves_the_precision() -> None:
    outputs = say(1, (0, 0, A, 0, 1.0), (0, 6, B, 0, 3.0))
    assert measure(outputs, [show((A, 0, False))]).at_half == pytest.approx(0.5)
    outputs = say(1, (0, 0, A, 0, 3.0), (0, 6, B, 0, 1.0))
    assert measure(outputs, [show((A, 0, False))]).at_half == pytest.approx(1)


def test_half_of_the_objects() -> None:
    """101 points of recall, of which those from 0 to 0.5 are reached."""
    scenes = [show((A, 0, False), (B, 0, False))]
    precision = measure(say(1, (0, 0, A, 0, 3.0)), scenes)
    assert precision.at_half == pytest.approx(51 / 101)


def test_overlap_of_three_quarters_counts_up_to_there() -> None:
    outputs = say(1, (0, 0, (0.0, 0, 16, 12.2), 0, 3.0))
    precision = measure(outputs, [show((A, 0, False))])
    assert (precision.at_half, precision.coco) == pytest.approx((1, 6 / 10))


def test_ignored_objects_are_neither_right_nor_wrong() -> None:
    outputs = say(1, (0, 0, A, 0, 1.0), (0, 6, B, 0, 3.0))
    precision = measure(outputs, [show((A, 0, False), (B, 0, True))])
    assert (precision.at_half, precision.objects) == (pytest.approx(1), 1)
    assert measure(outputs, [show((B, 0, True))]).objects == 0
