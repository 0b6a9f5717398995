"""TRANSPOSE_CONV: every input pixel adds its products to a window of the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    has_options,
    inputs_and_outputs,
    known_activation,
    known_padding,
    nhwc,
    positive_strides,
)
from tinydeploy.graph.convolution import Convolution, read_channels
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.weights import (
    accumulators_fit,
    bias_per_channel,
    multipliers_in_range,
    weights_constant,
    weights_symmetric,
)
from tinydeploy.graph.window import window_outputs, window_padding
from tinydeploy.graph.windowed import Windowed

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def transposed_shape(node: Node) -> bool:
    """Its input has the shape that a convolution of its output has by its weights and padding."""
    channels, height, width, depth = node.input(1).shape
    _, rows, columns, made = node.output.shape
    top, left, bottom, right = transposed_paddings(node)
    expected = (
        1,
        window_outputs(rows, top, bottom, height, node.option("StrideH")),
        window_outputs(columns, left, right, width, node.option("StrideW")),
        depth,
    )
    return made == channels and node.input(0).shape == expected


@register_op()
@dataclass(frozen=True, eq=False)
class TransposeConv(Convolution):
    """The transpose of a convolution, by what the pixels of the output are made of.

    Output pixel (y, x) is the sum of products of all input pixels (i, j) with

        0 <= y + top - i * stride[0] < kernel h,  0 <= x + left - j * stride[1] < kernel w

    and the weights at these places. `weights` is [output channels, kernel h, kernel w, input
    channels]; `padding` is that of the convolution from the output to the input; no dilation.
    """

    builtin: ClassVar[str] = "TRANSPOSE_CONV"
    channel_axis: ClassVar[int] = 0
    takes_padding: ClassVar[bool] = False
    takes_pool: ClassVar[bool] = False
    # Input, weights, bias; the output's shape comes first in the file.
    input_order: ClassVar[tuple[int, ...] | None] = (2, 1, 3)
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2, 3),
        *ACTIVATION_CONSTRAINTS,
        nhwc,
        weights_constant(4),
        weights_symmetric(axis=0),
        bias_per_channel(axis=0),
        has_options,
        positive_strides,
        known_padding,
        transposed_shape,
        known_activation,
        multipliers_in_range,
        accumulators_fit(axis=0, shifted=True),
    )

    @classmethod
    def read(cls, node: Node) -> TransposeConv:
        """Makes the op from an operator whose constraints hold."""
        weights = node.constant(1)
        return cls(
            weights=weights,
            stride=(node.option("StrideH"), node.option("StrideW")),
            dilation=(1, 1),
            padding=transposed_paddings(node),
            **read_channels(node, len(weights)),
        )

    def row_shape(self, graph: Graph) -> tuple[int, int, int]:
        """(height, width, channels) of the output."""
        return graph.tensors[self.outputs[0]].rows

    def macs(self, graph: Graph) -> int:
        """Input pixels times weights; products that fall outside of the output count."""
        return transposed_macs(self, graph)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """Rows whose windows reach output rows [first, last)."""
        return transposed_rows(self, first, last)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a transposed convolution."""
        return super().verify(graph) + broken(
            (self.dilation == (1, 1) and self.pool is None, "it has no dilation and no pool"),
            (transposed_fits(self, graph), "the input fits"),
        )


def transposed_macs(op: Windowed, graph: Graph) -> int:
    """Input pixels times weights."""
    height, width, _ = graph.tensors[op.inputs[0]].rows
    return height * width * int(op.weights.size)


def transposed_rows(op: Windowed, first: int, last: int) -> tuple[int, int]:
    """Input rows whose windows reach output rows [first, last)."""
    top, stride, kernel = op.padding[0], op.stride[0], op.kernel[0]
    return -(-(first + top - kernel + 1) // stride), (last - 1 + top) // stride + 1


def transposed_fits(op: Windowed, graph: Graph) -> bool:
    """Whether the input has the shape that a convolution of the output has."""
    height, width, _ = graph.tensors[op.outputs[0]].rows
    top, left, bottom, right = op.padding
    return graph.tensors[op.inputs[0]].rows == (
        window_outputs(height, top, bottom, op.kernel[0], op.stride[0]),
        window_outputs(width, left, right, op.kernel[1], op.stride[1]),
        op.weights.shape[3],
    )


def transposed_paddings(node: Node) -> tuple[int, int, int, int]:
    """Of the convolution from the output to the input."""
    _, kernel_h, kernel_w, _ = node.input(1).shape
    _, height, width, _ = node.output.shape
    top, bottom = window_padding(node.padding, height, kernel_h, node.option("StrideH"))
    left, right = window_padding(node.padding, width, kernel_w, node.option("StrideW"))
    return top, left, bottom, right
