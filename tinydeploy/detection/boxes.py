"""Boxes in real numbers: overlap, offsets from anchors and back, and the boxes of one image.

A box is (x0, y0, x1, y1) in pixels of the net's input, x1 and y1 exclusive. Offsets are those of
SSD (Liu et al. 2016), each divided by its variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.anchors import make_anchors
from tinydeploy.detection.spec import DetectionSpec

# Sides beyond exp(10) times the anchor's are clipped to the image anyway; exp must not overflow.
MAX_LOG_SIDE: Final = 10.0


@dataclass(frozen=True, eq=False)
class Detections:
    """What is found in one image, best first.

    Args:
        boxes: float64 [n, 4].
        scores: float64 [n], 0 to 1.
        classes: int64 [n], 0 for the first class that is not the background.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    classes: NDArray[np.int64]


def measure_overlap(
    first: NDArray[np.floating], second: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Intersection over union of each box of [n, 4] with each of [m, 4]: [n, m]; 0 without area."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = [np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=-1) for b in (first, second)]
    union = areas[0][:, None] + areas[1][None] - common
    overlap: NDArray[np.float64] = np.zeros(union.shape)
    np.divide(common, union, out=overlap, where=union > 0)
    return overlap


def anchor_boxes(anchors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Anchors (cx, cy, w, h) as boxes [n, 4]."""
    half = anchors[:, 2:] / 2
    return np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1)


def encode_boxes(
    boxes: NDArray[np.floating], anchors: NDArray[np.floating], variances: Sequence[float]
) -> NDArray[np.float64]:
    """Offsets (dx, dy, dw, dh) [n, 4] of boxes [n, 4] from their anchors [n, 4]."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = boxes[:, 2:] - boxes[:, :2]
    moved = (centres - anchors[:, :2]) / anchors[:, 2:]
    offsets = np.concatenate([moved, np.log(sides / anchors[:, 2:])], axis=1)
    return np.asarray(offsets / np.array(variances), np.float64)


def decode_boxes(
    offsets: NDArray[np.floating],
    anchors: NDArray[np.floating],
    variances: Sequence[float],
    image_size: tuple[int, int],
) -> NDArray[np.float64]:
    """Boxes [n, 4] from offsets [n, 4] and their anchors, clipped to the image (h, w)."""
    scaled = np.asarray(offsets, np.float64) * np.array(variances)
    centres = scaled[:, :2] * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(np.minimum(scaled[:, 2:], MAX_LOG_SIDE)) * anchors[:, 2:] / 2
    height, width = image_size
    boxes = np.concatenate([centres - half, centres + half], axis=1)
    return np.asarray(np.clip(boxes, 0, np.array([width, height, width, height])), np.float64)


def join_outputs(
    spec: DetectionSpec, outputs: Sequence[NDArray[np.floating]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits [n, anchors, classes + 1] and offsets [n, anchors, 4] of all sources.

    Args:
        spec: Of the detector.
        outputs: Its outputs in real numbers, channels last, with any number of images in front.
    """
    count = len(outputs[0])

    def join(parts: Sequence[NDArray[np.floating]], values: int) -> NDArray[np.float64]:
        flat = [np.asarray(part, np.float64).reshape(count, -1, values) for part in parts]
        return np.concatenate(flat, axis=1)

    return join(outputs[0::2], len(spec.classes) + 1), join(outputs[1::2], 4)


def suppress_boxes(
    boxes: NDArray[np.floating], classes: NDArray[np.integer], threshold: float
) -> NDArray[np.int64]:
    """Indices of the boxes that stay: none overlaps an earlier one of its class by more than so.

    Args:
        boxes: [n, 4], best first.
        classes: [n].
        threshold: Intersection over union.
    """
    rivals = (measure_overlap(boxes, boxes) > threshold) & (classes[:, None] == classes[None])
    kept: list[int] = []
    for index in range(len(boxes)):
        if not rivals[index, kept].any():
            kept.append(index)
    return np.array(kept, np.int64)


def find_objects(
    spec: DetectionSpec, outputs: Sequence[NDArray[np.floating]]
) -> tuple[Detections, ...]:
    """The objects in each image, computed in real numbers.

    The score of an anchor is its greatest class's in the softmax over classes and background; of
    equal scores the anchor that comes first wins.

    Args:
        spec: Of the detector.
        outputs: See `join_outputs`.
    """
    logits, offsets = join_outputs(spec, outputs)
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scores = (exponentials / exponentials.sum(axis=-1, keepdims=True))[..., 1:]
    anchors = make_anchors(spec)
    found = []
    for image in range(len(logits)):
        classes, best = scores[image].argmax(axis=-1), scores[image].max(axis=-1)
        order = np.argsort(-best, kind="stable")
        order = order[best[order] >= spec.score_threshold][: spec.max_candidates]
        boxes = decode_boxes(
            offsets[image, order], anchors[order], spec.box_variances, spec.image_size
        )
        kept = suppress_boxes(boxes, classes[order], spec.iou_threshold)[: spec.max_detections]
        found.append(Detections(boxes[kept], best[order][kept], classes[order][kept]))
    return tuple(found)
