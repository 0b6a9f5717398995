"""What an image really shows: the boxes that a detector should find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one image.

    Args:
        boxes: float64 [n, 4], (x0, y0, x1, y1) in pixels of the net's input, each with an area.
        classes: int64 [n], 0 for the first class that is not the background.
        ignored: bool [n], of objects that need not be found and whose boxes are no mistakes: VOC's
            difficult ones, COCO's crowds.
    """

    boxes: NDArray[np.float64]
    classes: NDArray[np.int64]
    ignored: NDArray[np.bool_]
