"""From int8 outputs to boxes, in integers.

The C in firmware/kernels/detection/detect_s8.c gives the same bytes. All real functions are tables
of 256 entries, one per int8 value, made when the firmware is built:

* A score is the softmax of the anchor's best class (the first of equal ones) over all classes and
  the background. `exponentials[d]` is exp(-d * scale) in Q15 for logits d steps below the largest.
* A side is the anchor's times `heights[q + 128]` or `widths[q + 128]`, exp(offset * variance) in
  Q16, the exponent bounded as in `boxes.decode_boxes`. A centre moves by `step` per step of its
  offset. Both are summed up in 2^-16 quarter pixels, in 64 bits; only corners are rounded.

The anchors with the best scores, at most `max_candidates` of those that reach the threshold, are
taken in the order of their scores, equal ones in the order of the anchors. One is told unless its
overlap with one of its class that is told exceeds the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.boxes import MAX_LOG_SIDE, Detections
from tinydeploy.detection.spec import METADATA_NAME, DetectionSpec, check_outputs
from tinydeploy.errors import InputFileError

SCORE_ONE: Final = 1 << 15
"""A score of 1."""

UNITS: Final = 4
"""Units of a box's coordinates in a pixel."""

CORNERS: Final = ("x0", "y0", "x1", "y1")

DETECTION: Final = np.dtype(
    [(name, "<i2") for name in CORNERS] + [("label", "<u2"), ("score", "<u2")]
)
"""td_detection of firmware/include/td_detect.h."""

# Bytes of a candidate: td_candidate of firmware/include/td_detect.h.
_CANDIDATE_BYTES: Final = 8
_COUNT_BYTES: Final = 4
_SIDE_BITS: Final = 12  # fractional bits of an anchor's side in quarter pixels
_STEP_BITS: Final = 16  # fractional bits of a centre and of a half side in quarter pixels
_FACTOR_BITS: Final = 16  # fractional bits of heights and widths
_OVERLAP_BITS: Final = 16

Int8Array = NDArray[np.int8]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Scale:
    """Real value = scale * (q - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True, eq=False)
class SourceTables:
    """The numbers of one source.

    Args:
        grid: (h, w) of its map.
        stride: Pixels from one place to the next.
        zero_point: Of the offsets.
        margin: No anchor reaches the threshold whose best class's logit minus the background's is
            less than this, in steps of int8; 256 where none ever does.
        exponentials: uint16 [256], Q15.
        heights: uint32 [256], Q16.
        widths: Likewise.
        steps: int32 [anchors, 2], (h, w): what a step of dy and dx moves, in 2^-16 quarter pixels.
        sides: uint32 [anchors, 2], (h, w) of the anchors in 2^-12 quarter pixels.
    """

    grid: tuple[int, int]
    stride: int
    zero_point: int
    margin: int
    exponentials: NDArray[np.uint16]
    heights: NDArray[np.uint32]
    widths: NDArray[np.uint32]
    steps: NDArray[np.int32]
    sides: NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Detector:
    """How a net's int8 outputs become boxes.

    Args:
        spec: What the outputs mean.
        sources: Tables, in the order of the spec's sources.
        threshold: Least score, Q15.
        overlap: Largest intersection over union that two boxes of a class may have, Q16.
    """

    spec: DetectionSpec
    sources: tuple[SourceTables, ...]
    threshold: int
    overlap: int

    @property
    def scratch_bytes(self) -> int:
        """RAM for the candidates."""
        return _CANDIDATE_BYTES * self.spec.max_candidates

    @property
    def packed_bytes(self) -> int:
        """Bytes of what `pack` makes."""
        return _COUNT_BYTES + DETECTION.itemsize * self.spec.max_detections

    def detect(self, outputs: Sequence[Int8Array]) -> NDArray[np.void]:
        """The boxes that one image's outputs show, best first.

        Args:
            outputs: In the order of the spec, of its shapes, int8.

        Returns:
            [n] of DETECTION: corners in quarter pixels, clipped to the image, x1 and y1 exclusive;
            `label` an index into the spec's classes; `score` in Q15.
        """
        labels, scores = self._score(outputs)
        order = np.argsort(-scores, kind="stable")[: self.spec.max_candidates]
        order = order[scores[order] >= self.threshold]
        boxes = self._decode(outputs, order)
        found = np.zeros(len(order), DETECTION)
        for name, column in zip(CORNERS, boxes.T, strict=True):
            found[name] = column
        found["label"], found["score"] = labels[order], scores[order]
        return self._suppress(found)

    def find(self, outputs: Sequence[Int8Array]) -> tuple[Detections, ...]:
        """The same of several images' outputs, each [n, ...], in pixels and real numbers."""
        found = [self.detect([values[k] for values in outputs]) for k in range(len(outputs[0]))]
        return tuple(
            Detections(
                np.stack([each[corner] for corner in CORNERS], axis=-1) / UNITS,
                each["score"] / SCORE_ONE,
                each["label"].astype(np.int64),
            )
            for each in found
        )

    def with_limits(self, spec: DetectionSpec) -> Detector:
        """The same detector with other thresholds and limits."""
        threshold = round(spec.score_threshold * SCORE_ONE)
        sources = [
            replace(each, margin=_find_margin(each.exponentials.astype(np.int64), threshold))
            for each in self.sources
        ]
        return Detector(spec, tuple(sources), threshold, _scale_overlap(spec))

    def pack(self, outputs: Sequence[Int8Array]) -> Int8Array:
        """What `detect` finds as the firmware's output: a uint32 count, then max_detections boxes.

        Boxes that are not there are zeros.
        """
        found = self.detect(outputs)
        boxes = np.zeros(self.spec.max_detections, DETECTION)
        boxes[: len(found)] = found
        packed = np.array([len(found)], "<u4").tobytes() + boxes.tobytes()
        return np.frombuffer(packed, np.int8)

    def unpack(self, packed: bytes) -> NDArray[np.void]:
        """The boxes in what `pack` made, or the firmware."""
        count = int.from_bytes(packed[:_COUNT_BYTES], "little")
        count = min(count, self.spec.max_detections)
        return np.frombuffer(packed, DETECTION, count, offset=_COUNT_BYTES)

    def _score(self, outputs: Sequence[Int8Array]) -> tuple[IntArray, IntArray]:
        """Best class and its score, of every anchor."""
        labels, scores = [], []
        for logits, source in zip(outputs[0::2], self.sources, strict=True):
            q = logits.reshape(-1, len(self.spec.classes) + 1).astype(np.int64)
            terms = source.exponentials.astype(np.int64)[q.max(axis=1, keepdims=True) - q]
            label = q[:, 1:].argmax(axis=1)
            best = terms[np.arange(len(q)), label + 1]
            # 2^15 <= total <= 1001 * 2^15, as the largest logit adds 2^15: all in 32 bits.
            total = terms.sum(axis=1)
            labels.append(label)
            scores.append((best * SCORE_ONE + total // 2) // total)
        return np.concatenate(labels), np.concatenate(scores)

    def _decode(self, outputs: Sequence[Int8Array], anchors: IntArray) -> IntArray:
        """The boxes (x0, y0, x1, y1) of some anchors [n], by their numbers over all sources."""
        boxes = np.zeros((len(anchors), 4), np.int64)
        limits = UNITS * np.array(self.spec.image_size)
        begin = 0
        for offsets, source in zip(outputs[1::2], self.sources, strict=True):
            count = len(source.sides)
            end = begin + source.grid[0] * source.grid[1] * count
            chosen = np.flatnonzero((begin <= anchors) & (anchors < end))
            place, kind = np.divmod(anchors[chosen] - begin, count)
            begin = end
            q = offsets.reshape(-1, 4)[place * count + kind].astype(np.int64)
            factors = (source.heights, source.widths)
            for axis, at in enumerate(np.divmod(place, source.grid[1])):
                # |centre| < 2^(12 + 2 + 16 + 1) + 255 * 2^31 < 2^40.
                # half < 2^(12 + 2 + 12) * 2^31 / 2^13 = 2^44.
                # A corner is their sum or difference, rounded to the nearest, halves up.
                centre = (2 * at + 1) * (UNITS // 2 * source.stride << _STEP_BITS)
                moved = q[:, 1 - axis] - source.zero_point
                centre += moved * source.steps.astype(np.int64)[kind, axis]
                factor = factors[axis].astype(np.int64)[q[:, 3 - axis] + 128]
                side = source.sides.astype(np.int64)[kind, axis]
                half = side * factor >> _SIDE_BITS + _FACTOR_BITS + 1 - _STEP_BITS
                for corner, value in ((0, centre - half), (2, centre + half)):
                    rounded = value + (1 << _STEP_BITS - 1) >> _STEP_BITS
                    boxes[chosen, corner + 1 - axis] = np.clip(rounded, 0, limits[axis])
        return boxes

    def _suppress(self, candidates: NDArray[np.void]) -> NDArray[np.void]:
        """Those of the candidates, best first, that are told."""
        found: list[tuple[int, ...]] = []
        for candidate in candidates.tolist():
            if len(found) == self.spec.max_detections:
                break
            if not any(other[4] == candidate[4] and self._overlap(candidate, other)
                       for other in found):  # fmt: skip
                found.append(candidate)
        return np.array(found, DETECTION)

    def _overlap(self, a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        """Whether two boxes overlap by more than `overlap`; areas are below 2^28."""
        h = min(a[3], b[3]) - max(a[1], b[1])
        w = min(a[2], b[2]) - max(a[0], b[0])
        if h <= 0 or w <= 0:
            return False
        areas = [(box[3] - box[1]) * (box[2] - box[0]) for box in (a, b)]
        return h * w << _OVERLAP_BITS > self.overlap * (sum(areas) - h * w)


def make_detector(
    spec: DetectionSpec, shapes: Sequence[tuple[int, ...]], scales: Sequence[Scale]
) -> Detector:
    """Makes the tables.

    Args:
        spec: What the outputs mean.
        shapes: Of the net's outputs.
        scales: Of the net's outputs, which are int8.

    Raises:
        InputFileError: The outputs are not those that the spec speaks of, or a step of an offset
            moves a box by more than 8191 pixels.
    """
    check_outputs(spec, shapes)
    threshold = round(spec.score_threshold * SCORE_ONE)
    return Detector(
        spec=spec,
        sources=tuple(
            _make_source(spec, place, scales[2 * place], scales[2 * place + 1], threshold)
            for place in range(len(spec.sources))
        ),
        threshold=threshold,
        overlap=_scale_overlap(spec),
    )


def _scale_overlap(spec: DetectionSpec) -> int:
    return round(spec.iou_threshold * (1 << _OVERLAP_BITS))


def _make_source(
    spec: DetectionSpec, place: int, logits: Scale, offsets: Scale, threshold: int
) -> SourceTables:
    source = spec.sources[place]
    exponentials = np.rint(SCORE_ONE * np.exp(-logits.scale * np.arange(256.0)))
    x, y, w, h = spec.box_variances
    sides = np.array(source.anchors) * UNITS
    steps = np.rint(offsets.scale * np.array([y, x]) * sides * (1 << _STEP_BITS))
    if steps.max() >= 1 << 31:
        raise InputFileError(
            f"the detector's description ({METADATA_NAME}) does not fit the net: a step of an "
            f"offset, {offsets.scale:g}, moves a box of {np.max(source.anchors):g} pixels by more "
            "than 8191",
            "Quantize the net again, with pictures like those it will see.",
        )
    real = offsets.scale * (np.arange(-128.0, 128.0) - offsets.zero_point)
    heights, widths = (
        np.rint(np.exp(np.minimum(real * variance, MAX_LOG_SIDE)) * (1 << _FACTOR_BITS))
        for variance in (h, w)
    )
    return SourceTables(
        grid=spec.grid(place),
        stride=source.stride,
        zero_point=offsets.zero_point,
        margin=_find_margin(exponentials.astype(np.int64), threshold),
        exponentials=exponentials.astype(np.uint16),
        heights=heights.astype(np.uint32),
        widths=widths.astype(np.uint32),
        steps=steps.astype(np.int32),
        sides=np.rint(sides * (1 << _SIDE_BITS)).astype(np.uint32),
    )


def _find_margin(exponentials: IntArray, threshold: int) -> int:
    """The least distance from the background at which a class can reach the threshold.

    A class's score is greatest where there are no further classes. Then one of the two logits is
    the largest, and the score grows with their distance. A third one, if it is not larger, adds to
    the total. If it is, then the class's term shrinks, and the total holds 2^15 beside it, which
    is at least the background's term before: the score is no greater, rounded or not, as
    a / (a + b) grows with a and falls with b.
    """
    for margin in range(-255, 256):
        own, other = exponentials[max(0, -margin)], exponentials[max(0, margin)]
        total = own + other
        if (own * SCORE_ONE + total // 2) // total >= threshold:
            return margin
    return 256
