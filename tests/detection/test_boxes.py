"""Anchors, overlap, offsets and the choice of boxes, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinydeploy.detection.anchors import make_anchors
from tinydeploy.detection.boxes import (
    anchor_boxes,
    decode_boxes,
    encode_boxes,
    find_objects,
    join_outputs,
    measure_overlap,
    suppress_boxes,
)
from tinydeploy.detection.spec import AnchorSource, DetectionSpec

SPEC = DetectionSpec(
    image_size=(32, 48),
    sources=(AnchorSource(16, ((8.0, 10.0), (12.0, 4.0))), AnchorSource(32, ((30.0, 20.0),))),
    classes=("a", "b"),
)


def test_anchors_run_over_source_row_column_anchor() -> None:
    anchors = make_anchors(SPEC)
    assert anchors.shape == (SPEC.anchor_count, 4) == (14, 4)
    assert anchors[:3].tolist() == [[8, 8, 10, 8], [8, 8, 4, 12], [24, 8, 10, 8]]
    assert anchors[6].tolist() == [8, 24, 10, 8]
    assert anchors[12:].tolist() == [[16, 16, 20, 30], [48, 16, 20, 30]]
    assert anchor_boxes(anchors)[1].tolist() == [6, 2, 10, 14]


def test_overlap() -> None:
    boxes = np.array([[0, 0, 4, 4], [2, 2, 6, 6], [4, 0, 8, 4], [5, 5, 5, 9]], float)
    overlap = measure_overlap(boxes, boxes)
    assert overlap[0].tolist() == [1, 4 / 28, 0, 0]
    assert overlap[3].tolist() == [0, 0, 0, 0]  # a box without area overlaps nothing, nor itself


def test_offsets_lead_back_to_the_boxes() -> None:
    rng = np.random.default_rng(0)
    anchors = make_anchors(SPEC)
    low = rng.uniform(0, [30, 20], (len(anchors), 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 12, (len(anchors), 2))], axis=1)
    offsets = encode_boxes(boxes, anchors, SPEC.box_variances)
    decoded = decode_boxes(offsets, anchors, SPEC.box_variances, SPEC.image_size)
    assert decoded == pytest.approx(boxes)


def test_offsets_by_hand() -> None:
    # The centre moves by 0.1 * 5 widths and 0.1 * -5 heights; sides grow by exp(0.2 * 5).
    (box,) = decode_boxes(
        np.array([[5.0, -5.0, 5.0, 5.0]]),
        np.array([[50.0, 50, 10, 20]]),
        (0.1, 0.1, 0.2, 0.2),
        (100, 100),
    )
    assert box == pytest.approx([55 - 5 * np.e, 40 - 10 * np.e, 55 + 5 * np.e, 40 + 10 * np.e])


def test_boxes_are_clipped_to_the_image() -> None:
    (box,) = decode_boxes(
        np.array([[0, 0, 1e9, 1e9]]), np.array([[8.0, 8, 10, 8]]), SPEC.box_variances, (32, 48)
    )
    assert box.tolist() == [0, 0, 48, 32]


def test_suppression_is_per_class_and_by_what_stays() -> None:
    # Each overlaps the next by 0.6: the second goes, so the third may stay.
    boxes = np.array([[0, 0, 8, 4], [2, 0, 10, 4], [4, 0, 12, 4]], float)
    assert suppress_boxes(boxes, np.array([0, 0, 0]), 0.45).tolist() == [0, 2]
    assert suppress_boxes(boxes, np.array([0, 1, 0]), 0.45).tolist() == [0, 1, 2]
    assert suppress_boxes(boxes, np.array([0, 0, 0]), 0.6).tolist() == [0, 1, 2]


def test_outputs_are_read_channel_by_channel() -> None:
    outputs = [np.zeros((2, *shape[1:])) for shape in SPEC.output_shapes]
    outputs[0][1, 1, 2, 3 + 2] = 9.0  # second image, row 1, column 2, anchor 1, class b
    outputs[1][1, 1, 2, 4 + 3] = 5.0  # dh
    logits, offsets = join_outputs(SPEC, outputs)
    place = (1 * 3 + 2) * 2 + 1
    assert logits[1, place].tolist() == [0, 0, 9]
    assert offsets[1, place].tolist() == [0, 0, 0, 5]
    none, found = find_objects(SPEC, outputs)
    assert len(none.boxes) == 0
    assert found.classes.tolist() == [1]
    assert found.scores == pytest.approx([1 / (1 + 2 * np.exp(-9))])
    assert found.boxes[0] == pytest.approx([38, 24 - 6 * np.e, 42, 32])


def test_limits_count_candidates_and_detections() -> None:
    outputs = [np.zeros((1, *shape[1:])) for shape in SPEC.output_shapes]
    for place in range(3):  # three places apart from each other, the best one last
        outputs[0][0, 0, place, 1] = 4.0 + place
    (found,) = find_objects(SPEC, outputs)
    assert found.boxes[:, 0].tolist() == [35, 19, 3]
    (found,) = find_objects(replace(SPEC, max_candidates=2, max_detections=2), outputs)
    assert found.boxes[:, 0].tolist() == [35, 19]
    (found,) = find_objects(replace(SPEC, max_detections=1), outputs)
    assert found.boxes[:, 0].tolist() == [35]
    (found,) = find_objects(replace(SPEC, score_threshold=0.98), outputs)
    assert len(found.boxes) == 2
