"""What both convolutions have in common: a window over rows, one requantization per channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.accumulator import accumulator_bounds, fits_int32
from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    has_options,
    inputs_and_outputs,
    known_activation,
    known_padding,
    nhwc,
    positive_strides,
)
from tinydeploy.graph.fixed_point import quantize_multipliers
from tinydeploy.graph.invariants import are_multipliers, broken, is_array, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.weights import (
    accumulators_fit,
    bias_per_channel,
    multipliers_in_range,
    read_bias,
    read_output,
    read_scales,
    weights_constant,
    weights_symmetric,
)
from tinydeploy.graph.window import (
    paddings,
    window_extent,
    window_rows,
    windowed_shape,
)
from tinydeploy.graph.windowed import Windowed

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph
    from tinydeploy.graph.ops.max_pool_2d import MaxPool2D


@dataclass(frozen=True, eq=False)
class Convolution(Windowed):
    """A convolution over rows, requantized per output channel, clamped, perhaps pooled.

    For output channel c, with taps outside of the input counting as the input's zero point:

        acc = bias[c] + sum(weight * (input - input_zero_point))
        scaled = multiply_double_rounding(acc, multiplier[c], shift[c])
        output = clamp(scaled + output_zero_point, low[c], high[c])

    Args:
        bias: int32 [C], zeros where the file has none.
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

    takes_padding: ClassVar[bool] = True  # more padding may be added to its own
    takes_pool: ClassVar[bool] = True  # its kernels run a pool, too

    bias: NDArray[np.int32]
    input_zero_point: int
    output_zero_point: int
    multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]
    low: NDArray[np.int8]
    high: NDArray[np.int8]
    pool: MaxPool2D | None = None

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """Rows under the windows of output rows [first, last), through the pool if there is one."""
        if self.pool is not None:
            first, last = self.pool_rows(graph, first, last)
        return super().input_rows(graph, which, first, last)

    def pool_rows(self, graph: Graph, first: int, last: int) -> tuple[int, int]:
        """Convolution rows that the pool's output rows [first, last) read, clipped."""
        assert self.pool is not None
        height = self.row_shape(graph)[0]
        begin, end = window_rows(
            first, last, self.pool.padding[0], self.pool.kernel[0], self.pool.stride[0]
        )
        return max(begin, 0), min(end, height)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of both convolutions: of the arrays, then those that rely on them."""
        count = len(self.bias)
        return (
            broken(
                (self.weights.dtype == np.int8 and self.weights.ndim == 4, "weights are int8, 4-D"),
                (self.weights.shape[self.channel_axis] == count, "there is a bias per channel"),
                (is_array(self.bias, np.int32, (count,)), "the bias is int32"),
                (
                    is_array(self.multiplier, np.int32, (count,)),
                    "multipliers are int32, one a channel",
                ),
                (is_array(self.shift, np.int32, (count,)), "shifts are int32, one a channel"),
                (is_array(self.low, np.int8, (count,)), "lower bounds are int8, one a channel"),
                (is_array(self.high, np.int8, (count,)), "upper bounds are int8, one a channel"),
                (min(*self.stride, *self.dilation) >= 1, "strides and dilations are at least 1"),
                (min(self.padding) >= 0, "paddings are not negative"),
            )
            or self._pool_problems()
            or broken(*self._value_rules(graph))
        )

    def _pool_problems(self) -> list[str]:
        return [] if self.pool is None else self.pool.window_problems()

    def _value_rules(self, graph: Graph) -> Iterator[tuple[bool, str]]:
        taps = np.moveaxis(self.weights, self.channel_axis, 0).reshape(self.channels, -1)
        bounds = accumulator_bounds(taps, self.bias, self.input_zero_point)
        yield bool((self.low <= self.high).all()), "no range of outputs is empty"
        yield are_multipliers(self.multiplier, self.shift), "multipliers are in range"
        yield fits_int32(bounds, self.shift), "accumulators fit an int32"
        height, width, _ = self.row_shape(graph)
        if self.pool is not None:
            yield self.pool.kernel[0] <= self.pool.stride[0], "pool windows do not overlap"
            height, width = self.pool.pooled_size(height, width)
        output = graph.tensors[self.outputs[0]].rows
        yield output == (height, width, self.channels), "the output fits"
        ends = zero_point_of(graph, self.inputs[0]), zero_point_of(graph, self.outputs[0])
        yield ends == (self.input_zero_point, self.output_zero_point), "zero points agree"


def read_convolution(node: Node, kernel: tuple[int, int], channels: int) -> dict[str, Any]:
    """The attributes that both convolutions share, from an operator whose constraints hold.

    Args:
        node: The operator.
        kernel: Height and width of the kernel.
        channels: Number of output channels.
    """
    stride = node.option("StrideH"), node.option("StrideW")
    dilation = node.option("DilationHFactor"), node.option("DilationWFactor")
    extent = window_extent(kernel[0], dilation[0]), window_extent(kernel[1], dilation[1])
    return {
        "stride": stride,
        "dilation": dilation,
        "padding": paddings(node, extent, stride),
        **read_channels(node, channels),
    }


def read_channels(node: Node, channels: int) -> dict[str, Any]:
    """What convolutions of all kinds share: their ends, biases and requantization."""
    multiplier, shift = quantize_multipliers(read_scales(node, channels))
    return {
        "index": node.index,
        "inputs": (node.inputs[0],),
        "outputs": node.outputs,
        "bias": read_bias(node, channels),
        "multiplier": multiplier,
        "shift": shift,
        **read_output(node, channels),
    }


def convolution_constraints(axis: int) -> tuple[Constraint, ...]:
    """Constraints of both convolutions; `axis` is that of the weights' output channels."""
    return (
        inputs_and_outputs(2, 3),
        *ACTIVATION_CONSTRAINTS,
        nhwc,
        weights_constant(4),
        weights_symmetric(axis),
        bias_per_channel(axis),
        has_options,
        positive_strides,
        positive_dilations,
        known_padding,
        convolution_shapes(axis),
        known_activation,
        multipliers_in_range,
        accumulators_fit(axis, shifted=True),
    )


def positive_dilations(node: Node) -> bool:
    """Its dilations are at least 1."""
    return node.option("DilationHFactor") >= 1 and node.option("DilationWFactor") >= 1


def convolution_shapes(axis: int) -> Constraint:
    """Makes the constraint on the output's shape; `axis` is that of the output channels."""

    def constraint(node: Node) -> bool:
        weights = node.input(1).shape
        dilation = node.option("DilationHFactor"), node.option("DilationWFactor")
        extent = window_extent(weights[1], dilation[0]), window_extent(weights[2], dilation[1])
        expected = windowed_shape(node, extent, weights[axis])
        return node.output.shape == expected

    constraint.__doc__ = "Its output has the shape that input, weights, strides and padding give."
    return constraint
