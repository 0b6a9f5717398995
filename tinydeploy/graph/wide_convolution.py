"""What convolutions of int16 activations have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    has_options,
    inputs_and_outputs,
    known_activation,
    known_padding,
    nhwc,
    positive_strides,
)
from tinydeploy.graph.convolution import convolution_shapes, positive_dilations
from tinydeploy.graph.fixed_point import reduce_multipliers
from tinydeploy.graph.invariants import broken, is_array, is_int16_bounds
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.weights import read_scales, weights_constant, weights_symmetric
from tinydeploy.graph.wide import (
    fits_wide,
    read_wide_bias,
    read_wide_output,
    results_fit,
    wide_accumulators_fit,
    wide_bias,
)
from tinydeploy.graph.window import paddings, window_extent
from tinydeploy.graph.windowed import Windowed

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class WideConvolution(Windowed):
    """A convolution over rows of int16, requantized per output channel and clamped.

    For output channel c, with taps outside of the input counting as 0:

        acc = bias[c] + sum(weight * input)                               64 bits
        output = clamp(multiply_reduced(acc, multiplier[c], shift[c]), low, high)

    Args:
        bias: int64 [C], zeros where the file has none.
        multiplier: int32 [C], in [0, 2^15).
        shift: int32 [C], to the right, in [8, 46].
        low: Lower bound of the output, within int16.
        high: Upper bound.
    """

    takes_padding: ClassVar[bool] = True  # as of `Convolution`

    bias: NDArray[np.int64]
    multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]
    low: int
    high: int

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return f"{self.stem.removesuffix('_wide')}_s16"

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of both convolutions: of the arrays, then those that rely on them."""
        count = len(self.bias)
        return broken(
            (self.weights.dtype == np.int8 and self.weights.ndim == 4, "weights are int8, 4-D"),
            (self.weights.shape[self.channel_axis] == count, "there is a bias per channel"),
            (is_array(self.bias, np.int64, (count,)), "the bias is int64"),
            (is_array(self.multiplier, np.int32, (count,)), "multipliers are int32, one a channel"),
            (is_array(self.shift, np.int32, (count,)), "shifts are int32, one a channel"),
            (min(*self.stride, *self.dilation) >= 1, "strides and dilations are at least 1"),
            (min(self.padding) >= 0, "paddings are not negative"),
        ) or broken(*self._value_rules(graph))

    def _value_rules(self, graph: Graph) -> Iterator[tuple[bool, str]]:
        taps = np.moveaxis(self.weights, self.channel_axis, 0).reshape(self.channels, -1)
        yield is_int16_bounds(self.low, self.high), "the range of outputs is not empty"
        yield (
            bool(((self.multiplier >= 0) & (self.multiplier < 1 << 15)).all()),
            "multipliers are in range",
        )
        yield bool(((self.shift >= 8) & (self.shift <= 46)).all()), "shifts are in range"
        yield fits_wide(taps, self.bias), "accumulators stay below 2^47"
        yield graph.tensors[self.outputs[0]].rows == self.row_shape(graph), "the output fits"


def read_wide_convolution(node: Node, axis: int) -> dict[str, Any]:
    """The attributes of a convolution; `axis` is that of the weights' output channels."""
    weights = node.constant(1)
    channels, kernel = weights.shape[axis], weights.shape[1:3]
    multiplier, shift = reduce_multipliers(read_scales(node, channels))
    stride = node.option("StrideH"), node.option("StrideW")
    dilation = node.option("DilationHFactor"), node.option("DilationWFactor")
    extent = window_extent(kernel[0], dilation[0]), window_extent(kernel[1], dilation[1])
    return {
        "index": node.index,
        "inputs": (node.inputs[0],),
        "outputs": node.outputs,
        "weights": weights,
        "stride": stride,
        "dilation": dilation,
        "padding": paddings(node, extent, stride),
        "bias": read_wide_bias(node, channels),
        "multiplier": multiplier,
        "shift": shift,
        **read_wide_output(node),
    }


def wide_convolution_constraints(axis: int) -> tuple[Constraint, ...]:
    """Constraints of both convolutions; `axis` is that of the weights' output channels."""
    return (
        inputs_and_outputs(2, 3),
        *ACTIVATION_CONSTRAINTS,
        nhwc,
        weights_constant(4),
        weights_symmetric(axis),
        wide_bias(axis),
        has_options,
        positive_strides,
        positive_dilations,
        known_padding,
        convolution_shapes(axis),
        known_activation,
        wide_accumulators_fit(axis),
        results_fit(axis),
    )
