"""The boxes that a detector's offsets are relative to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.spec import DetectionSpec


def make_anchors(spec: DetectionSpec) -> NDArray[np.float64]:
    """All anchors (cx, cy, w, h) in pixels, [n, 4], in the order source, row, column, anchor.

    The centre of a place lies at ((column + 0.5) * stride, (row + 0.5) * stride).
    """
    parts = []
    for place, source in enumerate(spec.sources):
        height, width = spec.grid(place)
        rows, columns, anchors = np.meshgrid(
            (np.arange(height) + 0.5) * source.stride,
            (np.arange(width) + 0.5) * source.stride,
            np.arange(len(source.anchors)),
            indexing="ij",
        )
        heights, widths = np.array(source.anchors, np.float64).T
        parts.append(np.stack([columns, rows, widths[anchors], heights[anchors]], -1))
    return np.concatenate([part.reshape(-1, 4) for part in parts])
