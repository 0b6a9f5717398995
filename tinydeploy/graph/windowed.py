"""What all convolutions have in common: windows of weights over rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.op import Op
from tinydeploy.graph.window import window_extent, window_outputs, window_rows

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Windowed(Op):
    """Weights for the windows of an output, and where these lie.

    Args:
        weights: int8, four dimensions of which the middle ones are height and width; the subclass
            gives the layout. Symmetric: no zero point.
        stride: (h, w).
        dilation: (h, w).
        padding: (top, left, bottom, right), at least 0.
    """

    channel_axis: ClassVar[int]  # of the weights: where the output channels lie

    weights: NDArray[np.int8]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the kernel, in taps."""
        return self.weights.shape[1], self.weights.shape[2]

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.weights.shape[self.channel_axis])

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width of the window, dilation included."""
        (kernel_h, kernel_w), (dilation_h, dilation_w) = self.kernel, self.dilation
        return window_extent(kernel_h, dilation_h), window_extent(kernel_w, dilation_w)

    def row_shape(self, graph: Graph) -> tuple[int, int, int]:
        """(height, width, channels) of what the windows make, before any pool."""
        height, width, _ = graph.tensors[self.inputs[0]].rows
        top, left, bottom, right = self.padding
        return (
            window_outputs(height, top, bottom, self.extent[0], self.stride[0]),
            window_outputs(width, left, right, self.extent[1], self.stride[1]),
            self.channels,
        )

    def parameters(self) -> int:
        """Weights and biases."""
        return int(self.weights.size) + self.channels

    def macs(self, graph: Graph) -> int:
        """Output elements times taps; taps on padding count, as is usual in the literature."""
        height, width, channels = self.row_shape(graph)
        return height * width * channels * (int(self.weights.size) // self.channels)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """Rows under the windows of output rows [first, last)."""
        return window_rows(first, last, self.padding[0], self.extent[0], self.stride[0])
