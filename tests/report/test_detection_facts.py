"""The report's entry of a detector and its pictures, of outputs that are made up."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tinydeploy.detection.average_precision import AveragePrecision
from tinydeploy.detection.objects import Objects
from tinydeploy.detection.postprocess import Scale, make_detector
from tinydeploy.detection.spec import AnchorSource, DetectionSpec
from tinydeploy.report.detection_facts import DetectionEvidence, collect_detection

SPEC = DetectionSpec((32, 48), (AnchorSource(16, ((10.0, 8.0),)),), ("cat", "dog"))
DETECTOR = make_detector(SPEC, SPEC.output_shapes, [Scale(0.125, 0)] * 2)


def make_outputs(images: int, *found: tuple[int, int, int, int]) -> list[np.ndarray]:
    """Outputs that name (image, row, column, class) at an anchor."""
    logits = np.zeros((images, 2, 3, 3))
    for image, row, column, kind in found:
        logits[image, row, column, kind + 1] = 4 + kind
    return [logits, np.zeros((images, 2, 3, 4))]


def quantize(outputs: list[np.ndarray]) -> list[np.ndarray]:
    """With the scale of DETECTOR."""
    return [(output / 0.125).astype(np.int8) for output in outputs]


def make_evidence(images: int, *, with_float: bool) -> DetectionEvidence:
    truth = Objects(np.array([[36.0, 3, 44, 13]]), np.array([1]), np.array([False]))
    precision = AveragePrecision(0.5, 0.25, images, images)
    return DetectionEvidence(
        detector=DETECTOR,
        pixels=np.full((images, 32, 48, 1), 90, np.uint8),
        scenes=[truth] * images,
        float_outputs=make_outputs(images, (0, 0, 2, 1)) if with_float else None,
        int8_outputs=quantize(make_outputs(images, (0, 0, 2, 1), (0, 1, 0, 0))),
        float_precision=precision if with_float else None,
        int8_precision=precision,
    )


def test_boxes_of_both_nets_side_by_side() -> None:
    facts, files = collect_detection(make_evidence(8, with_float=True))
    assert list(files) == [f"detections/picture{place}.png" for place in range(6)]
    assert [picture.file for picture in facts.pictures] == list(files)
    first = facts.pictures[0]
    assert first.float is not None
    assert [(box.label, box.box) for box in first.float] == [("dog", (36, 3, 44, 13))]
    assert first.float[0].score == pytest.approx(1 / (1 + 2 * np.exp(-5)), abs=1e-4)
    assert [box.label for box in first.int8] == ["dog", "cat"]
    assert (facts.samples, facts.objects, facts.int8.map_50) == (8, 8, 0.5)

    picture = np.asarray(Image.open(io.BytesIO(files[first.file])))
    width = 6 * 48
    assert picture.shape == (6 * 32 + 18, 2 * width + 6, 3)
    orange, blue = [230, 159, 0], [86, 180, 233]
    left, right = picture[18:, :width], picture[18:, width + 6 :]
    # The edges of the dog's box, enlarged six times, below the label above it.
    for panel in (left, right):
        assert panel[70, 36 * 6].tolist() == blue
        assert panel[70, 44 * 6 - 1].tolist() == blue
    assert left[130, 4 * 6].tolist() == [90, 90, 90]
    assert right[130, 4 * 6].tolist() == orange
    # Where nothing is found the right box stays, thin and white.
    empty = np.asarray(Image.open(io.BytesIO(files[facts.pictures[1].file])))
    assert empty[18 + 40, 36 * 6].tolist() == [255, 255, 255]


def test_an_int8_file_alone() -> None:
    facts, files = collect_detection(make_evidence(1, with_float=False))
    assert facts.float is None
    assert facts.pictures[0].float is None
    assert Image.open(io.BytesIO(files["detections/picture0.png"])).width == 6 * 48
