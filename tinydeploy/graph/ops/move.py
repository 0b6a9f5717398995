"""Moving bytes: what all ops do that compute nothing. Each op that is read as this has a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinydeploy.graph.constraints import same_quantization
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.movement import MAX_INDEX, Level, Part, keeps_order
from tinydeploy.graph.node import Node
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.reshape import Reshape
from tinydeploy.graph.tensor import Tensor

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Move(Op):
    """An output made of boxes of bytes from inputs.

    They are copied whatever the scales are, as the reference does; most ops require equal ones.

    Args:
        function: The operation's name in TFLite's schema.
        parts: The boxes; where they overlap, later ones count. Together they cover the output.
    """

    function: str
    parts: tuple[Part, ...]

    @property
    def stem(self) -> str:
        """All of these ops have one kernel."""
        return "move"

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    def parameters(self) -> int:
        """Elements of constants."""
        return sum(p.constant.size for p in self.parts if p.constant is not None)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """The rows from the first to the last that any part reads; (0, 0) for none."""
        found = [part.read_rows(first, last) for part in self.parts if part.source == which]
        some = [rows for rows in found if rows[0] < rows[1]]
        return (min(r[0] for r in some), max(r[1] for r in some)) if some else (0, 0)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a movement."""
        output = graph.tensors[self.outputs[0]]
        sources = {part.source for part in self.parts} - {None}
        return broken(
            (sources == set(range(len(self.inputs))), "every input is read"),
            (
                sum(part.size for part in self.parts) >= output.size_bytes,
                "all of the output is made",
            ),
        ) or [problem for part in self.parts for problem in self._part_problems(graph, part)]

    def _part_problems(self, graph: Graph, part: Part) -> list[str]:
        output = graph.tensors[self.outputs[0]]
        if part.constant is not None:
            rows, row_bytes = 1, part.constant.size
        else:
            source = graph.tensors[self.inputs[part.source or 0]]
            rows, row_bytes = source.rows[0], source.row_bytes
        first, last = part.read_rows(0, output.rows[0])
        levels = (*part.rows, *part.levels)
        return broken(
            ((part.source is None) != (part.constant is None), "a part has one source"),
            (0 <= first < last <= rows, "all rows read are there"),
            (part.columns()[0] >= 0 and part.columns()[1] <= row_bytes, "all bytes read are there"),
            (
                part.first >= 0 and part.first + part.height <= output.rows[0],
                "its rows fit the output",
            ),
            (
                part.offset >= 0 and part.out_columns()[1] <= output.row_bytes,
                "its bytes fit the output",
            ),
            (all(_is_sound(level) for level in levels), "its loops are sound"),
        )


def _is_sound(level: Level) -> bool:
    indices = level.indices
    return level.count >= 1 and (
        indices is None
        or (len(indices) == level.count and min(indices) >= 0 and max(indices) <= MAX_INDEX)
    )


def make_move(cls: type[Move], node: Node, parts: Sequence[Part]) -> Op:
    """An op for an operator that moves bytes: a `Reshape` where they all stay in order."""
    first = parts[0]
    alike = same_quantization(node)
    source = node.tensors[node.activations[0]]
    if alike and first.source == 0 and keeps_order(first, source, node.output):
        return Reshape(node.index, node.activations, node.outputs)
    return cls(node.index, node.activations, node.outputs, node.builtin, tuple(parts))


def list_sources(node: Node) -> Iterator[tuple[int | None, Tensor]]:
    """Each input with its number among those of the op, None for a constant."""
    number = 0
    for which in range(len(node.inputs)):
        tensor = node.input(which)
        constant = tensor.data is not None
        yield (None if constant else number), tensor
        number += not constant
