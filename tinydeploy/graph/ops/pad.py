"""PAD and PADV2: rows, columns and channels of a constant round an activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    nhwc,
    same_quantization,
)
from tinydeploy.graph.invariants import broken, is_int8, quantize_alike
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def amounts_constant(node: Node) -> bool:
    """Its paddings are a constant of 4x2 integers, none of them negative."""
    amounts = node.input(1) if node.has_input(1) else None
    return (
        amounts is not None
        and amounts.data is not None
        and amounts.dtype in ("int32", "int64")
        and amounts.shape == (4, 2)
        and bool((node.constant(1) >= 0).all())
    )


def image_padded(node: Node) -> bool:
    """It pads height, width and channels, not the batch, and its output has the shape they give."""
    sums = [int(before) + int(after) for before, after in node.constant(1)]
    expected = tuple(size + add for size, add in zip(node.input(0).shape, sums, strict=True))
    return sums[0] == 0 and node.output.shape == expected


def value_constant(node: Node) -> bool:
    """The value that it pads with, if given, is one int8 constant."""
    if not node.has_input(2):
        return True
    value = node.input(2)
    return value.data is not None and value.dtype == "int8" and value.size == 1


@register_op("PAD", "PADV2")
@dataclass(frozen=True, eq=False)
class Pad(Op):
    """The input surrounded by `value`; input and output quantize alike.

    Args:
        padding: (top, left, bottom, right), at least 0.
        channel_padding: Channels (before, after), at least 0.
        value: The quantized value of the padding.
    """

    builtin: ClassVar[str] = "PAD"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2, 3),
        *ACTIVATION_CONSTRAINTS,
        nhwc,
        same_quantization,
        amounts_constant,
        image_padded,
        value_constant,
    )

    padding: tuple[int, int, int, int]
    channel_padding: tuple[int, int]
    value: int

    @classmethod
    def read(cls, node: Node) -> Pad:
        """Makes the op from an operator whose constraints hold."""
        _, (top, bottom), (left, right), channels = (
            (int(before), int(after)) for before, after in node.constant(1)
        )
        value = (
            int(node.constant(2).reshape(()))
            if node.has_input(2)
            else node.output_quantization.zero_point
        )
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            padding=(top, left, bottom, right),
            channel_padding=channels,
            value=value,
        )

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """The same rows, moved up by the rows put on top."""
        return first - self.padding[0], last - self.padding[0]

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a padding."""
        height, width, channels = graph.tensors[self.inputs[0]].rows
        top, left, bottom, right = self.padding
        expected = (
            height + top + bottom,
            width + left + right,
            channels + sum(self.channel_padding),
        )
        return broken(
            (min(*self.padding, *self.channel_padding) >= 0, "paddings are not negative"),
            (is_int8(self.value), "the value is int8"),
            (graph.tensors[self.outputs[0]].rows == expected, "the output fits"),
            (
                quantize_alike(graph, (*self.inputs, *self.outputs)),
                "both ends quantize alike",
            ),
        )
