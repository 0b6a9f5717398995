"""Detectors and int8 outputs to try them with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.postprocess import Detector, Scale, make_detector
from tinydeploy.detection.spec import AnchorSource, DetectionSpec

Outputs = list[NDArray[np.int8]]

ETINYNET = DetectionSpec(
    image_size=(256, 256),
    sources=(
        AnchorSource(16, ((16, 16), (45.2548, 45.2548), (25.298, 10.119), (35.777, 7.155))),
        AnchorSource(32, ((128, 128), (181.0193, 181.0193), (202.386, 80.954), (286.217, 57.243))),
    ),
    classes=tuple(f"class {number}" for number in range(20)),
)
# Six anchors per place of maps of stride 16 and 32, and VOC's number of classes.
VOC = DetectionSpec(
    image_size=(256, 256),
    sources=tuple(
        AnchorSource(stride, tuple((side, side) for side in sides))
        for stride, sides in (
            (16, (16.0, 24.0, 32.0, 40.0, 48.0, 56.0)),
            (32, (64.0, 80.0, 96.0, 128.0, 160.0, 192.0)),
        )
    ),
    classes=tuple(f"class {number}" for number in range(20)),
)
# One class, an image that no stride divides, few boxes kept.
NARROW = DetectionSpec(
    image_size=(50, 81),
    sources=(AnchorSource(7, ((9, 5),)), AnchorSource(13, ((20.5, 8.25), (5, 30), (13, 13)))),
    classes=("object",),
    box_variances=(0.1, 0.2, 0.3, 0.15),
    score_threshold=0.3,
    iou_threshold=0.3,
    max_candidates=17,
    max_detections=5,
)
# Everything counts: no threshold, all boxes of a class that have anything in common are rivals.
OPEN = DetectionSpec(
    image_size=(32, 32),
    sources=(AnchorSource(8, ((12, 12), (6, 20))),),
    classes=("a", "b", "c"),
    score_threshold=0.0,
    iou_threshold=0.0,
    max_candidates=40,
    max_detections=40,
)
SPECS = {"etinynet": ETINYNET, "narrow": NARROW, "open": OPEN}
SCALES = {
    "usual": [Scale(0.09, 37), Scale(0.05, -4), Scale(0.11, 21), Scale(0.04, 9)],
    "fine": [Scale(1e-6, 0), Scale(1e-6, 0)] * 2,
    "coarse": [Scale(5.0, -128), Scale(30.0, 127)] * 2,
}


def make(spec: str, scales: str) -> Detector:
    """A detector by the names of its spec and of its outputs' scales."""
    chosen = SPECS[spec]
    shapes = chosen.output_shapes
    return make_detector(chosen, shapes, SCALES[scales][: len(shapes)])


def usual_outputs(detector: Detector, rng: np.random.Generator) -> Outputs:
    """What a trained net says: background nearly everywhere, some places sure of a class."""
    outputs: Outputs = []
    classes = len(detector.spec.classes)
    for place, shape in enumerate(detector.spec.output_shapes):
        if place % 2:
            values = rng.normal(0, 20, shape)
        else:
            logits = rng.normal(-40, 12, (*shape[1:3], shape[3] // (classes + 1), classes + 1))
            logits[..., 0] += 100
            sure = rng.random(logits.shape[:3]) < 0.03
            chosen = rng.integers(1, classes + 1, logits.shape[:3])
            rows = np.nonzero(sure)
            logits[(*rows, chosen[rows])] = logits[(*rows, 0)] + rng.normal(5, 30, len(rows[0]))
            values = logits.reshape(shape)
        outputs.append(np.clip(np.rint(values), -128, 127).astype(np.int8))
    return outputs


def hostile_outputs(detector: Detector, rng: np.random.Generator) -> Iterator[tuple[str, Outputs]]:
    """Outputs at the edges of the numbers, with their names."""
    shapes = detector.spec.output_shapes
    classes = len(detector.spec.classes)

    def fill(value: int) -> Outputs:
        return [np.full(shape, value, np.int8) for shape in shapes]

    def favour(columns: slice, value: int) -> Outputs:
        outputs = [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]
        for logits in outputs[0::2]:
            logits.reshape(-1, classes + 1)[:] = -128
            logits.reshape(-1, classes + 1)[:, columns] = value
        return outputs

    yield "all lowest", fill(-128)
    yield "all highest", fill(127)
    yield "all zero", fill(0)
    yield "all background", favour(slice(0, 1), 127)
    yield "all the first class", favour(slice(1, 2), 127)
    yield "all the last class", favour(slice(classes, classes + 1), 127)
    yield "all classes alike", favour(slice(1, None), 127)
    for number in range(4):
        yield (
            f"random {number}",
            [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes],
        )
        yield (
            f"extremes {number}",
            [rng.choice(np.array([-128, 127], np.int8), shape) for shape in shapes],
        )
    # Scores that grow and fall from anchor to anchor: every one displaces another, or none does.
    for name, order in (("growing", 1), ("falling", -1)):
        outputs = favour(slice(0, 1), 0)
        for logits in outputs[0::2]:
            rows = logits.reshape(-1, classes + 1)
            rows[:, 1] = np.linspace(-100, 127, len(rows))[::order]
        yield name, outputs
