"""What a source ends in, and who watches how it is made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinydeploy.detection.objects import Objects
    from tinydeploy.model.float_model import FloatModel
    from tinydeploy.quantize.layer_quality import LayerQuality


class Watch(Protocol):
    """Who follows a build: the command line, or nobody."""

    seconds: dict[str, float]

    def stage(self, name: str) -> AbstractContextManager[None]:
        """A stage runs inside of this context."""
        ...

    def detail(self, text: str) -> None:
        """What the running stage is doing, or has found."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know."""
        ...


@dataclass(frozen=True)
class FloatNet:
    """How to load a float net, and where it comes from."""

    load: Callable[[], FloatModel]
    origin: str


@dataclass(frozen=True, eq=False)
class Source:
    """An int8 model, and what its float original says of some samples.

    Args:
        name: Becomes the prefix of all symbols.
        origin: Where it came from, for the report.
        tflite: The file's bytes.
        samples: float32 [n, C, H, W], test inputs or, without labels, calibration inputs; None for
            a given .tflite.
        float_outputs: The float net's outputs for them, each [n, ...], laid out as the file's.
        classes: The right class of each [n]; None where there are no labels.
        model: The float original; None for a given int8 .tflite.
        layers: How close each of its layers came to the float one.
        scenes: What each of the samples of a detector shows; None where that is not known.
    """

    name: str
    origin: str
    tflite: bytes
    samples: NDArray[np.float32] | None = None
    float_outputs: tuple[NDArray[np.float32], ...] | None = None
    classes: NDArray[np.int64] | None = None
    model: FloatModel | None = None
    layers: tuple[LayerQuality, ...] = ()
    scenes: tuple[Objects, ...] | None = None
