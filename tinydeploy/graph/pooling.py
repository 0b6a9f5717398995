"""What MAX_POOL_2D and AVERAGE_POOL_2D have in common: a window over rows, no weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    has_options,
    inputs_and_outputs,
    known_activation,
    known_padding,
    nhwc,
    positive_strides,
    same_quantization,
)
from tinydeploy.graph.fixed_point import activation_bounds
from tinydeploy.graph.invariants import broken, is_bounds, quantize_alike
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op
from tinydeploy.graph.window import paddings, window_outputs, window_rows, windowed_shape

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Pooling(Op):
    """A pool over rows; elements outside of the input are left out; both tensors quantize alike.

    Args:
        kernel: (h, w) of the window.
        stride: (h, w).
        padding: (top, left, bottom, right), at least 0; every window holds at least one element of
            the input.
        low: Lower bound of the output, within its type.
        high: Upper bound of the output.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    low: int
    high: int

    @property
    def bounded(self) -> bool:
        """Whether the bounds are a range of the output's type."""
        return is_bounds(self.low, self.high)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """Rows under the windows of output rows [first, last)."""
        return window_rows(first, last, self.padding[0], self.kernel[0], self.stride[0])

    def pooled_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the output for an input of this size."""
        top, left, bottom, right = self.padding
        return (
            window_outputs(height, top, bottom, self.kernel[0], self.stride[0]),
            window_outputs(width, left, right, self.kernel[1], self.stride[1]),
        )

    def covers_input(self, graph: Graph) -> bool:
        """Whether there is one window and all of the input lies under it."""
        height, width, _ = graph.tensors[self.inputs[0]].rows
        (top, left), (kernel_h, kernel_w) = self.padding[:2], self.kernel
        one = self.pooled_size(height, width) == (1, 1)
        return one and kernel_h - top >= height and kernel_w - left >= width

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of both pools: those of the window, then those that rely on them."""
        return self.window_problems() or broken(*self._size_rules(graph))

    def window_problems(self) -> list[str]:
        """The invariants that need no graph: they hold for a pool inside of a convolution too."""
        overhangs = zip(self.padding, self.kernel * 2, strict=True)
        return broken(
            (min(*self.kernel, *self.stride) >= 1, "window and strides are at least 1"),
            (min(self.padding) >= 0, "paddings are not negative"),
            (all(p < k for p, k in overhangs), "every window holds an element of the input"),
            (self.bounded, "the range of outputs is not empty"),
        )

    def _size_rules(self, graph: Graph) -> Iterator[tuple[bool, str]]:
        height, width, channels = graph.tensors[self.inputs[0]].rows
        expected = (*self.pooled_size(height, width), channels)
        yield graph.tensors[self.outputs[0]].rows == expected, "the output fits"
        yield quantize_alike(graph, (*self.inputs, *self.outputs)), "both ends quantize alike"


def read_pooling(node: Node) -> dict[str, Any]:
    """The attributes that both pools share, from an operator whose constraints hold."""
    kernel = node.option("FilterHeight"), node.option("FilterWidth")
    stride = node.option("StrideH"), node.option("StrideW")
    output = node.output_quantization
    low, high = activation_bounds(node.activation, output.scale, output.zero_point, node.dtype)
    return {
        "index": node.index,
        "inputs": (node.inputs[0],),
        "outputs": node.outputs,
        "kernel": kernel,
        "stride": stride,
        "padding": paddings(node, kernel, stride),
        "low": low,
        "high": high,
    }


def positive_kernel(node: Node) -> bool:
    """Its window is at least 1x1."""
    return node.option("FilterHeight") >= 1 and node.option("FilterWidth") >= 1


def pooled_shape(node: Node) -> bool:
    """Its output has the shape that input, window, strides and padding give."""
    kernel = node.option("FilterHeight"), node.option("FilterWidth")
    return node.output.shape == windowed_shape(node, kernel, node.input(0).shape[3])


POOLING_CONSTRAINTS: tuple[Constraint, ...] = (
    inputs_and_outputs(1),
    *ACTIVATION_CONSTRAINTS,
    nhwc,
    same_quantization,
    has_options,
    positive_strides,
    positive_kernel,
    known_padding,
    pooled_shape,
    known_activation,
)
"""Constraints of both pools."""
