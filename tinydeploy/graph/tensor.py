"""Tensors of the quantized graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError

INDEX_TYPES: Final = ("int32", "int64")
TRUTH: Final = "bool"
"""The type of truth values: bytes of 0 or 1."""
UNQUANTIZED: Final = (*INDEX_TYPES, TRUTH)
"""Of what may be an output without a scale."""


@dataclass(frozen=True)
class Quantization:
    """Affine quantization: real = scale * (q - zero_point).

    Args:
        scales: One scale, or one per index of `axis`.
        zero_points: As many as scales.
        axis: Dimension that the scales run along; meaningless with one scale.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantization."""
        (scale,) = self.scales
        return scale

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantization."""
        (zero_point,) = self.zero_points
        return zero_point


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of the .tflite file.

    Args:
        name: As in the file; it need not be unique nor non-empty.
        shape: Sizes; activations of four dimensions are NHWC and have a first one of 1: one image.
        dtype: "int8", "float32", ...; activations are int8 or int16, TRUTH, or INDEX_TYPES at
            the model's end.
        quantization: None where the file gives none.
        data: The constant's values, read-only, shaped; None for activations.
        variable: It keeps its values from one inference to the next.
        signature: As `shape`, with -1 for sizes that the file leaves open; empty where it leaves
            none open.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None
    data: NDArray[np.generic] | None = None
    signature: tuple[int, ...] = ()
    variable: bool = False

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def item_bytes(self) -> int:
        """Bytes of one element of an activation."""
        return np.dtype(self.dtype).itemsize

    @property
    def size_bytes(self) -> int:
        """Bytes of all elements of an activation."""
        return self.size * self.item_bytes

    @property
    def row_bytes(self) -> int:
        """Bytes of one of the `rows` of an activation."""
        _, width, channels = self.rows
        return width * channels * self.item_bytes

    @property
    def affine(self) -> tuple[float, int]:
        """Scale and zero point of an activation; indices and truth values are themselves."""
        if self.dtype in UNQUANTIZED:
            return 1.0, 0
        if self.quantization is None:
            raise InternalError(f"tensor '{self.name}' has no quantization")
        return self.quantization.scale, self.quantization.zero_point

    @property
    def has_pixels(self) -> bool:
        """Whether it is an image, NHWC, or a row of pixels: three dimensions, the first being 1."""
        return len(self.shape) == 4 or (len(self.shape) == 3 and self.shape[0] == 1)

    @property
    def rows(self) -> tuple[int, int, int]:
        """Height, width and channels as kernels see them; what has no pixels is a single one."""
        if not self.has_pixels:
            return 1, 1, self.size
        _, *height, width, channels = self.shape
        return (height or [1])[0], width, channels
