"""Moving bytes between images directly, where a file goes through tensors of other dimensions.

A channel shuffle is RESHAPE to five dimensions, TRANSPOSE, RESHAPE back; an enlargement may be
EXPAND_DIMS, TILE, RESHAPE. What has five dimensions is one row to kernels and has to be whole.

Rule, for a Move of one box that covers its output:

1. Where a Reshape alone makes its input, for it alone, it reads the Reshape's input instead;
2. where a Reshape alone reads its output, it writes the Reshape's output instead;

if the loops can be cut where rows end. Both Reshapes go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.movement import Level, Part, merge_levels
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.move import Move
from tinydeploy.graph.ops.reshape import Reshape
from tinydeploy.graph.passes.graph_pass import Uses, replace_ops
from tinydeploy.graph.tensor import Tensor


def fold_reshapes(graph: Graph) -> Graph:
    """Applies the rule of this module; see there."""
    uses = Uses(graph)
    positions = {id(op): position for position, op in enumerate(graph.ops)}
    replacements: dict[int, Op | None] = {}
    for position, op in enumerate(graph.ops):
        if not isinstance(op, Move) or len(op.parts) != 1 or len(op.inputs) != 1:
            continue
        before = uses.writer(op.inputs[0]) if uses.is_private(op.inputs[0]) else None
        behind = uses.readers(op.outputs[0])[0] if uses.is_private(op.outputs[0]) else None
        reshapes = [r for r in (before, behind) if isinstance(r, Reshape)]
        inputs = before.inputs if isinstance(before, Reshape) else op.inputs
        outputs = behind.outputs if isinstance(behind, Reshape) else op.outputs
        part = _move_between(graph, op, inputs[0], outputs[0]) if reshapes else None
        if part is not None and not replacements.keys() & {positions[id(r)] for r in reshapes}:
            replacements |= dict.fromkeys((positions[id(r)] for r in reshapes), None)
            replacements[position] = replace(op, inputs=inputs, outputs=outputs, parts=(part,))
    return replace_ops(graph, replacements)


@dataclass(frozen=True)
class _Loop:
    """A loop in bytes from the beginnings of both tensors."""

    count: int
    step: int
    out_step: int
    indices: tuple[int, ...] | None

    def cut(self, inner: int) -> tuple[_Loop, _Loop]:
        """The same in two loops, the inner one of so many turns."""
        outer = _Loop(self.count // inner, self.step * inner, self.out_step * inner, None)
        return outer, replace(self, count=inner)


def _move_between(graph: Graph, op: Move, source: int, output: int) -> Part | None:
    """The box of a Move, between other tensors of its bytes; None where rows are in the way."""
    (part,) = op.parts
    loops, start = _flatten(part, graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]])
    row, out_row = graph.tensors[source].row_bytes, graph.tensors[output].row_bytes
    cut = [piece for loop in loops for piece in _cut_input(loop, row)]
    cut = [piece for loop in cut for piece in _cut_output(loop, out_row)]
    cut.sort(key=lambda loop: -loop.out_step)
    if not cut:
        return None
    # The output is written densely, from the first byte to the last, and whole rows at a time.
    sizes = [loop.count * loop.out_step for loop in cut]
    dense = sizes[1:] == [loop.out_step for loop in cut[:-1]] and cut[-1].out_step == 1
    whole_rows = not any(loop.out_step < out_row < loop.count * loop.out_step for loop in cut)
    if not dense or not whole_rows:
        return None
    levels = [_level(loop, row, out_row) for loop in cut]
    rows = [level for level, loop in zip(levels, cut, strict=True) if loop.out_step >= out_row]
    made = Part(
        0, None, 0, 0, *divmod(start, row), merge_levels(rows), merge_levels(levels[len(rows) :])
    )
    begin, end = made.columns()
    return made if begin >= 0 and end <= row else None


def _flatten(part: Part, source: Tensor, output: Tensor) -> tuple[list[_Loop], int]:
    """The loops of a box, and the byte of the input that it begins with."""
    row, out_row = source.row_bytes, output.row_bytes
    loops = [
        _Loop(level.count, level.row_step * row + level.step, level.out_step * unit, level.indices)
        for levels, unit in ((part.rows, out_row), (part.levels, 1))
        for level in levels
    ]
    return loops, part.row * row + part.column


def _cut_input(loop: _Loop, row: int) -> Sequence[_Loop]:
    """A loop that runs over the ends of input rows, cut there if it reaches them evenly."""
    inner, rest = divmod(row, loop.step) if loop.step > 0 else (0, 1)
    crosses = loop.indices is None and loop.step < row < loop.count * loop.step
    return loop.cut(inner) if crosses and not rest and loop.count % inner == 0 else (loop,)


def _cut_output(loop: _Loop, row: int) -> Sequence[_Loop]:
    """A loop that runs over the ends of output rows, cut there if it reaches them evenly."""
    inner, rest = divmod(row, loop.out_step)
    crosses = loop.indices is None and loop.out_step < row < loop.count * loop.out_step
    return loop.cut(inner) if crosses and not rest and loop.count % inner == 0 else (loop,)


def _level(loop: _Loop, row: int, out_row: int) -> Level:
    """A loop in rows where it moves by whole ones."""
    out = loop.out_step // out_row if loop.out_step >= out_row else loop.out_step
    rows, step = divmod(loop.step, row)
    row_step, step = (rows, 0) if step == 0 else (0, loop.step)
    return Level(loop.count, row_step, step, out, loop.indices)
