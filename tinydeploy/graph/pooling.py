"""What MAX_POOL_2D and AVERAGE_POOL_2D have in common: a window over rows, no weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinydeploy.graph.fixed_point import activation_bounds
from tinydeploy.graph.node import Node
from tinydeploy.graph.op import Op
from tinydeploy.graph.window import window_padding, window_rows

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Pooling(Op):
    """A pool over rows; elements outside of the input are left out. Input and output quantize alike.

    Args:
        kernel: (h, w) of the window.
        stride: (h, w).
        padding: (top, left, bottom, right), at least 0; every window holds at least one element of the input.
        low: Lower bound of the output, within int8.
        high: Upper bound of the output.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    low: int
    high: int

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """Rows under the windows of output rows [first, last)."""
        return window_rows(first, last, self.padding[0], self.kernel[0], self.stride[0])


def read_pooling(node: Node) -> dict[str, Any]:
    """The attributes that both pools share, from an operator whose constraints hold."""
    _, height, width, _ = node.input(0).shape
    kernel = node.option("FilterHeight"), node.option("FilterWidth")
    stride = node.option("StrideH"), node.option("StrideW")
    top, bottom = window_padding(node.padding, height, kernel[0], stride[0])
    left, right = window_padding(node.padding, width, kernel[1], stride[1])
    output = node.output_quantization
    low, high = activation_bounds(node.activation, output.scale, output.zero_point)
    return {
        "index": node.index,
        "inputs": (node.inputs[0],),
        "outputs": node.outputs,
        "kernel": kernel,
        "stride": stride,
        "padding": (top, left, bottom, right),
        "low": low,
        "high": high,
    }
