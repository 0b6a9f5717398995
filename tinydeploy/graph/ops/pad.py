"""PAD and PADV2: rows, columns and channels of a constant round an activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    same_quantization,
)
from tinydeploy.graph.invariants import broken, is_int8, quantize_alike
from tinydeploy.graph.movement import Walk, fill_part, make_part
from tinydeploy.graph.node import Constraint, Node, read_integers
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.ops.move import Move, make_move

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def amounts_constant(node: Node) -> bool:
    """Its paddings are a constant: two integers for each dimension, none of them negative."""
    amounts = read_integers(node, 1)
    rank = len(node.input(0).shape)
    return amounts is not None and node.input(1).shape == (rank, 2) and min(amounts) >= 0


def padded_shape(node: Node) -> bool:
    """Its output has the shape that the paddings give."""
    pads = zip(node.input(0).shape, read_amounts(node), strict=True)
    return node.output.shape == tuple(size + sum(amounts) for size, amounts in pads)


def value_constant(node: Node) -> bool:
    """The value that it pads with, if given, is one constant of its output's type."""
    if not node.has_input(2):
        return True
    value = node.input(2)
    return value.data is not None and value.dtype == node.output.dtype and value.size == 1


@register_op("PAD", "PADV2", types=TYPES)
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
        same_quantization,
        amounts_constant,
        padded_shape,
        value_constant,
    )

    padding: tuple[int, int, int, int]
    channel_padding: tuple[int, int]
    value: int

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold; a `Move` but for int8 images."""
        value = (
            int(node.constant(2).reshape(()))
            if node.has_input(2)
            else node.output_quantization.zero_point
        )
        amounts = read_amounts(node)
        if len(amounts) != 4 or node.dtype != "int8":
            walks = [[Walk(n, d)] for d, n in enumerate(node.input(0).shape)]
            target = [before for before, _ in amounts]
            inside = make_part(0, node.input(0), node.output, walks, target=target)
            return make_move(Move, node, [fill_part(value, node.output), inside])
        _, (top, bottom), (left, right), channels = amounts
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


def read_amounts(node: Node) -> tuple[tuple[int, int], ...]:
    """(before, after) for each dimension, of an operator for which `amounts_constant` holds."""
    numbers = read_integers(node, 1) or ()
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
