"""What a detector is trained, calibrated and tested with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.objects import Objects
from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.model.float_model import LabeledScenes, Preprocessing

Draw = Callable[[int], tuple[NDArray[np.float32], tuple[Objects, ...]]]
# A generator as the seed goes on from where it is.
Seed = int | np.random.Generator
MakeDraw = Callable[[Seed], Draw]


@dataclass(frozen=True, eq=False)
class DetectionData:
    """Pictures with objects in them.

    Args:
        name: What the set is called.
        spec: Classes and anchors.
        preprocessing: How its pictures become inputs.
        make_draw: Given a seed, a function that gives the next so many training inputs, float32
            [n, C, H, W], and their objects; equal seeds, equal inputs.
        calibration: float32 [n, C, H, W], of the pictures to train with.
        test: Inputs that training never sees, and their objects; None where there are none.
        notes: What the user should know: files skipped and the like.
    """

    name: str
    spec: DetectionSpec
    preprocessing: Preprocessing
    make_draw: MakeDraw
    calibration: NDArray[np.float32]
    test: LabeledScenes | None
    notes: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """(1, C, H, W)."""
        return (1, self.preprocessing.channels, *self.spec.image_size)
