"""What both convolutions have in common: a window over rows, one requantization per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.fixed_point import activation_bounds, quantize_multipliers
from tinydeploy.graph.node import Node
from tinydeploy.graph.op import Op
from tinydeploy.graph.window import window_extent, window_outputs, window_padding, window_rows

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph
    from tinydeploy.graph.ops.max_pool_2d import MaxPool2D


@dataclass(frozen=True, eq=False)
class Convolution(Op):
    """A convolution over rows, requantized per output channel, clamped, perhaps pooled.

    For output channel c, with taps outside of the input counting as the input's zero point:

        acc = bias[c] + sum(weight * (input - input_zero_point))
        scaled = multiply_double_rounding(acc, multiplier[c], shift[c])
        output = clamp(scaled + output_zero_point, low[c], high[c])

    Args:
        weights: int8; the subclass gives the layout. Symmetric: no zero point.
        bias: int32 [C], zeros where the file has none.
        stride: (h, w).
        dilation: (h, w).
        padding: (top, left, bottom, right), at least 0.
        input_zero_point: Zero point of the input, and the value of its padding.
        output_zero_point: Zero point of the output.
        multiplier: int32 [C], in [2^30, 2^31) or 0.
        shift: int32 [C], in [-31, 30].
        low: int8 [C], lower bound of the output: activation function and clamps in one.
        high: int8 [C], upper bound.
        pool: A pool to run behind the convolution in the same layer, or None. Its windows do not
            overlap in rows, so each convolution row is made once. With a pool, `outputs` are the
            pool's, and the convolution's own output is stored nowhere (`row_shape` gives its size).
    """

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]
    input_zero_point: int
    output_zero_point: int
    multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]
    low: NDArray[np.int8]
    high: NDArray[np.int8]
    pool: MaxPool2D | None = None

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the kernel, in taps."""
        raise NotImplementedError

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return len(self.bias)

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width of the window, dilation included."""
        (kernel_h, kernel_w), (dilation_h, dilation_w) = self.kernel, self.dilation
        return window_extent(kernel_h, dilation_h), window_extent(kernel_w, dilation_w)

    def row_shape(self, graph: Graph) -> tuple[int, int, int]:
        """(height, width, channels) of the convolution's own output, before any pool."""
        height, width, _ = graph.tensors[self.inputs[0]].rows
        top, left, bottom, right = self.padding
        return (
            window_outputs(height, top, bottom, self.extent[0], self.stride[0]),
            window_outputs(width, left, right, self.extent[1], self.stride[1]),
            self.channels,
        )

    def parameters(self) -> int:
        """Weights and biases."""
        return int(self.weights.size) + int(self.bias.size)

    def macs(self, graph: Graph) -> int:
        """Output elements times taps; taps on padding count, as is usual in the literature."""
        height, width, channels = self.row_shape(graph)
        return height * width * channels * (int(self.weights.size) // self.channels)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """Rows under the windows of output rows [first, last), through the pool if there is one."""
        if self.pool is not None:
            first, last = self.pool_rows(graph, first, last)
        return window_rows(first, last, self.padding[0], self.extent[0], self.stride[0])

    def pool_rows(self, graph: Graph, first: int, last: int) -> tuple[int, int]:
        """Convolution rows that the pool's output rows [first, last) read, clipped."""
        assert self.pool is not None
        height = self.row_shape(graph)[0]
        begin, end = window_rows(
            first, last, self.pool.padding[0], self.pool.kernel[0], self.pool.stride[0]
        )
        return max(begin, 0), min(end, height)


def read_convolution(node: Node, kernel: tuple[int, int], channels: int) -> dict[str, Any]:
    """The attributes that both convolutions share, from an operator whose constraints hold.

    Args:
        node: The operator.
        kernel: Height and width of the kernel.
        channels: Number of output channels.
    """
    _, height, width, _ = node.input(0).shape
    stride = node.option("StrideH"), node.option("StrideW")
    dilation = node.option("DilationHFactor", 1), node.option("DilationWFactor", 1)
    extent = tuple(window_extent(k, d) for k, d in zip(kernel, dilation, strict=True))
    top, bottom = window_padding(node.padding, height, extent[0], stride[0])
    left, right = window_padding(node.padding, width, extent[1], stride[1])
    return {
        "index": node.index,
        "inputs": (node.inputs[0],),
        "outputs": node.outputs,
        "bias": read_bias(node, channels),
        "stride": stride,
        "dilation": dilation,
        "padding": (top, left, bottom, right),
        **read_requantization(node, channels),
    }


def read_bias(node: Node, channels: int) -> NDArray[np.int32]:
    """The bias, zeros where the operator has none."""
    if not node.has_input(2):
        return np.zeros(channels, np.int32)
    return np.asarray(node.constant(2), np.int32).reshape(channels)


def read_scales(node: Node, channels: int) -> NDArray[np.float64]:
    """The real multipliers from accumulators to the output, float64 [channels]."""
    source, weights, output = node.quantization(0), node.quantization(1), node.output_quantization
    # The product and the quotient are taken in double, in this order, as the reference does.
    scales = np.broadcast_to(np.array(weights.scales, np.float64), channels)
    return np.asarray(source.scale * scales / output.scale, np.float64)


def read_requantization(node: Node, channels: int) -> dict[str, Any]:
    """Zero points, multipliers and bounds of a layer with weights, one per output channel."""
    source, output = node.quantization(0), node.output_quantization
    multiplier, shift = quantize_multipliers(read_scales(node, channels))
    low, high = activation_bounds(node.activation, output.scale, output.zero_point)
    return {
        "input_zero_point": source.zero_point,
        "output_zero_point": output.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "low": np.full(channels, low, np.int8),
        "high": np.full(channels, high, np.int8),
    }
