"""ARG_MAX and ARG_MIN: where along a dimension the largest or smallest element is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    batch_of_one,
    first_is_activation,
    inputs_and_outputs,
    is_per_tensor_int8,
    shapes_known,
)
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.movement import Level, Part, Walk, make_levels, make_part
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.reduce import axes_constant, read_axes
from tinydeploy.graph.tensor import INDEX_TYPES

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def indices_of_int8(node: Node) -> bool:
    """Its input is int8 with one scale and zero point, its output int32 or int64."""
    return is_per_tensor_int8(node.input(0)) and node.output.dtype in INDEX_TYPES


def one_axis(node: Node) -> bool:
    """Its output has the shape of its input without its one axis."""
    axes, shape = read_axes(node) or (), node.input(0).shape
    return len(axes) == 1 and node.output.shape == shape[: axes[0]] + shape[axes[0] + 1 :]


@register_op("ARG_MAX", "ARG_MIN")
@dataclass(frozen=True, eq=False)
class ArgExtreme(Op):
    """The index of the first of the largest, or of the smallest, elements along a dimension.

    Args:
        function: The operation's name in TFLite's schema.
        part: Where the elements of each output begin in the input.
        taken: The loop over the elements that are compared.
    """

    builtin: ClassVar[str] = "ARG_MAX"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        first_is_activation,
        shapes_known,
        batch_of_one,
        indices_of_int8,
        axes_constant,
        one_axis,
    )

    function: str
    part: Part
    taken: Level

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @classmethod
    def read(cls, node: Node) -> ArgExtreme:
        """Makes the op from an operator whose constraints hold."""
        (axis,) = read_axes(node) or (0,)
        tensor = node.input(0)
        walks = [[Walk(n, d)] for d, n in enumerate(tensor.shape) if d != axis]
        taken = make_levels(tensor, [Walk(tensor.shape[axis], axis)])
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            function=node.builtin,
            part=make_part(0, tensor, node.output, walks, apart=True),
            taken=taken[0] if taken else Level(1, 0, 0, 0),
        )

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """The rows from the first to the last whose elements are compared."""
        return self._reads().read_rows(first, last)

    def _reads(self) -> Part:
        return replace(self.part, levels=(*self.part.levels, self.taken))

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a comparison."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        first, last = self._reads().read_rows(0, output.rows[0])
        columns = self._reads().columns()
        inside = 0 <= first < last <= source.rows[0] and 0 <= columns[0] < columns[1]
        return broken(
            (inside and columns[1] <= source.row_bytes, "all that it reads is there"),
            (self.part.size == output.size, "all of the output is made"),
            (self.part.size * self.taken.count == source.size, "nothing is left out"),
            (output.dtype in INDEX_TYPES, "its output are indices"),
        )
