"""Boxes in integers against boxes in real numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detectors import ETINYNET, SCALES, SPECS, Outputs, hostile_outputs, make, usual_outputs
from numpy.typing import NDArray

from tinydeploy.detection.anchors import make_anchors
from tinydeploy.detection.boxes import (
    Detections,
    decode_boxes,
    find_objects,
    join_outputs,
    measure_overlap,
)
from tinydeploy.detection.postprocess import (
    CORNERS,
    SCORE_ONE,
    UNITS,
    Detector,
    Scale,
    make_detector,
)
from tinydeploy.errors import InputFileError


def real_outputs(outputs: Outputs, scales: str) -> list[NDArray[np.float64]]:
    return [
        s.scale * (q.astype(np.float64) - s.zero_point)
        for q, s in zip(outputs, SCALES[scales], strict=False)
    ]


def corners(found: NDArray[np.void]) -> NDArray[np.float64]:
    """[n, 4] in pixels."""
    return np.stack([found[name] for name in CORNERS], axis=-1) / UNITS


def score_error(detector: Detector) -> float:
    """Every term of the softmax is rounded to 2^-15, and so is the score."""
    return (len(detector.spec.classes) / 2 + 1) / SCORE_ONE


def agree(detector: Detector, found: NDArray[np.void], exact: Detections) -> bool:
    """The same boxes in the same order, each within a pixel, the score within rounding."""
    if len(found) != len(exact.boxes):
        return False
    return bool(
        np.array_equal(found["label"], exact.classes)
        and np.all(np.abs(corners(found) - exact.boxes) < 1)
        and np.all(np.abs(found["score"] / SCORE_ONE - exact.scores) <= score_error(detector))
    )


def count_ties(detector: Detector, outputs: Outputs, scales: str) -> int:
    """Decisions that rounding can turn: order, threshold and overlap of what may be candidates."""
    spec = detector.spec
    real = real_outputs(outputs, scales)
    logits, offsets = join_outputs(spec, real)
    terms = np.exp(logits[0] - logits[0].max(axis=-1, keepdims=True))
    scores = (terms / terms.sum(axis=-1, keepdims=True))[:, 1:]
    best, labels = scores.max(axis=-1), scores.argmax(axis=-1)
    error = score_error(detector)
    ties = np.count_nonzero(np.abs(best - spec.score_threshold) < error)
    order = np.argsort(-best, kind="stable")
    last = best[order[: spec.max_candidates]][-1]
    order = order[best[order] >= max(last, spec.score_threshold) - 2 * error]
    gaps = -np.diff(best[order])
    ties += np.count_nonzero((gaps > 0) & (gaps < 2 * error))
    boxes = decode_boxes(
        offsets[0, order], make_anchors(spec)[order], spec.box_variances, spec.image_size
    )
    # Coordinates differ by an eighth of a pixel at most.
    low = np.concatenate([boxes[:, :2] + 1 / 8, boxes[:, 2:] - 1 / 8], axis=1)
    high = np.concatenate([boxes[:, :2] - 1 / 8, boxes[:, 2:] + 1 / 8], axis=1)
    rivals = np.triu(labels[order][:, None] == labels[order][None], 1)
    near = (measure_overlap(low, low) <= spec.iou_threshold + 1e-4) != (
        measure_overlap(high, high) <= spec.iou_threshold - 1e-4
    )
    return int(ties + np.count_nonzero(near & rivals))


@pytest.mark.parametrize("spec", SPECS)
def test_of_trained_nets(spec: str) -> None:
    detector = make(spec, "usual")
    rng = np.random.default_rng(1)
    rounds, differing, told = 60, 0, 0
    for _ in range(rounds):
        outputs = usual_outputs(detector, rng)
        found = detector.detect(outputs)
        told += len(found)
        exact = find_objects(detector.spec, real_outputs(outputs, "usual"))[0]
        if not agree(detector, found, exact):
            assert count_ties(detector, outputs, "usual")
            differing += 1
    assert told > rounds
    assert differing <= {"etinynet": 6, "narrow": 3, "open": rounds}[spec]


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("spec", SPECS)
def test_of_hostile_outputs(spec: str, scales: str) -> None:
    detector = make(spec, scales)
    for name, outputs in hostile_outputs(detector, np.random.default_rng(2)):
        found = detector.detect(outputs)
        exact = find_objects(detector.spec, real_outputs(outputs, scales))[0]
        assert agree(detector, found, exact) or count_ties(detector, outputs, scales), name
        limits = UNITS * np.array([*detector.spec.image_size[::-1]] * 2)
        inside = np.stack([found[c] for c in CORNERS], -1)
        assert np.all((inside >= 0) & (inside <= limits))
        assert np.all(found["x0"] <= found["x1"])
        assert np.all(found["y0"] <= found["y1"])


def test_equal_scores_come_in_the_order_of_the_anchors() -> None:
    detector = make("open", "usual")
    outputs = [np.zeros(shape, np.int8) for shape in detector.spec.output_shapes]
    found = detector.detect(outputs)
    exact = find_objects(detector.spec, real_outputs(outputs, "usual"))[0]
    assert agree(detector, found, exact)
    assert len(found) > 1
    assert set(found["label"]) == {0}


def test_background_alone_tells_nothing() -> None:
    detector = make("etinynet", "usual")
    cases = dict(hostile_outputs(detector, np.random.default_rng(0)))
    assert len(detector.detect(cases["all background"])) == 0
    assert len(detector.detect(cases["all the first class"])) == detector.spec.max_detections


@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.3, 0.5, 0.51, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("scale", [1e-6, 0.01, 0.2, 8.0])
def test_the_margin_leaves_out_what_cannot_reach_the_threshold(
    threshold: float, scale: float
) -> None:
    """Of one class exactly that; of several nothing that reaches it."""
    several = replace(SPECS["open"], score_threshold=threshold)
    one = replace(several, classes=("object",))
    rng = np.random.default_rng(3)
    for spec in (one, several):
        detector = make_detector(spec, spec.output_shapes, [Scale(scale, 0), Scale(0.1, 0)])
        margin = detector.sources[0].margin
        columns = len(spec.classes) + 1
        for _ in range(100):
            outputs = [rng.integers(-128, 128, s).astype(np.int8) for s in spec.output_shapes]
            rows = outputs[0].reshape(-1, columns)
            rows[::2, 0] = np.clip(rows[::2, 1].astype(int) - margin, -128, 127)
            rows[::2, 2:] = np.minimum(rows[::2, 2:], rows[::2, :1])
            _, scores = detector._score(outputs)
            distance = rows[:, 1:].max(axis=1).astype(int) - rows[:, 0]
            reached = scores >= detector.threshold
            assert np.all(distance[reached] >= margin)
            assert columns > 2 or np.all(distance[~reached] < margin)


def test_packed_boxes_come_back() -> None:
    detector = make("etinynet", "usual")
    outputs = usual_outputs(detector, np.random.default_rng(4))
    packed = detector.pack(outputs)
    assert packed.dtype == np.int8
    assert packed.size == 4 + 12 * detector.spec.max_detections
    assert np.array_equal(detector.unpack(packed.tobytes()), detector.detect(outputs))
    assert len(detector.unpack(b"\xff" * packed.size)) == detector.spec.max_detections


def test_offsets_of_no_sense_are_refused() -> None:
    with pytest.raises(InputFileError, match="moves a box of 45"):
        make_detector(ETINYNET, ETINYNET.output_shapes, [Scale(0.1, 0), Scale(1e4, 0)] * 2)


def test_other_limits_are_those_of_a_detector_made_for_them() -> None:
    detector = make("etinynet", "usual")
    spec = replace(
        detector.spec, score_threshold=0.02, iou_threshold=0.7, max_candidates=300, max_detections=9
    )
    changed = detector.with_limits(spec)
    again = make_detector(spec, spec.output_shapes, SCALES["usual"])
    assert (changed.spec, changed.threshold, changed.overlap) == (
        again.spec, again.threshold, again.overlap,
    )  # fmt: skip
    assert [s.margin for s in changed.sources] == [s.margin for s in again.sources]
    outputs = usual_outputs(detector, np.random.default_rng(4))
    assert len(changed.detect(outputs)) == 9


def test_pixels_and_real_scores_of_several_images() -> None:
    detector = make("narrow", "usual")
    rng = np.random.default_rng(0)
    images = [usual_outputs(detector, rng) for _ in range(3)]
    batch = [np.stack(parts) for parts in zip(*images, strict=True)]
    for outputs, found in zip(images, detector.find(batch), strict=True):
        packed = detector.detect(outputs)
        assert found.boxes[:, 0].tolist() == (packed["x0"] / 4).tolist()
        assert found.boxes[:, 3].tolist() == (packed["y1"] / 4).tolist()
        assert found.scores.tolist() == (packed["score"] / 32768).tolist()
        assert found.classes.tolist() == packed["label"].tolist()
