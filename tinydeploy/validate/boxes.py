"""What a detector's raw outputs show, as the firmware tells it, and what others show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.postprocess import Detector
from tinydeploy.graph.graph import Graph

Array = NDArray[Any]


def find_boxes(graph: Graph, outputs: Sequence[Array]) -> tuple[Array, ...]:
    """The boxes in the outputs of n vectors.

    Args:
        graph: The model.
        outputs: One array [n, *shape] per model output.

    Returns:
        One int8 array [n, bytes], as `Detector.pack` has them; nothing without a detector.
    """
    if graph.detector is None:
        return ()
    packed = [
        graph.detector.pack([values[number] for values in outputs])
        for number in range(len(outputs[0]))
    ]
    return (np.stack(packed),)


@dataclass(frozen=True)
class Agreement:
    """How far the boxes of two runs agree.

    Args:
        found: Boxes of the first.
        others: Boxes of the second.
        same: Of `others`: there is one of the first, of the same class, all corners within a pixel.
    """

    found: int
    others: int
    same: int


def compare_boxes(
    detector: Detector, outputs: Sequence[Array], others: Sequence[Array]
) -> Agreement:
    """Compares the boxes in two runs' outputs of the same n inputs.

    Args:
        detector: How they become boxes.
        outputs: Of the first run, [n, *shape] per model output; what follows is not looked at.
        others: Of the second.
    """
    count = same = other_count = 0
    raw = outputs[: len(others)]
    for ours, theirs in zip(detector.find(raw), detector.find(others), strict=True):
        count += len(ours.boxes)
        other_count += len(theirs.boxes)
        for box, label in zip(theirs.boxes, theirs.classes, strict=True):
            near = np.abs(ours.boxes - box).max(axis=1) <= 1
            same += bool(np.any(near & (ours.classes == label)))
    return Agreement(count, other_count, same)
