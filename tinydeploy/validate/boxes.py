"""What a detector's raw outputs show, as the firmware tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
