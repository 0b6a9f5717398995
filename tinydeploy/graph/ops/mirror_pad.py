"""MIRROR_PAD: the edges of an activation reflected outwards."""

from __future__ import annotations

from typing import ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
)
from tinydeploy.graph.movement import MAX_INDEX, Walk, make_part
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.ops.move import Move, make_move
from tinydeploy.graph.ops.pad import amounts_constant, padded_shape, read_amounts


def reflected_inside(node: Node) -> bool:
    """It pads no dimension by more than its input has to reflect, nor to more than 65536."""
    # REFLECT (0) leaves out the edge itself, SYMMETRIC (1) repeats it.
    mode = node.option("Mode")
    return mode in (0, 1) and all(
        max(pads) <= n - 1 + mode and n + sum(pads) <= MAX_INDEX + 1
        for n, pads in zip(node.input(0).shape, read_amounts(node), strict=True)
        if any(pads)
    )


@register_op("MIRROR_PAD", types=TYPES)
class MirrorPad(Move):
    """Beyond an edge lie the elements before it, in turned order."""

    builtin: ClassVar[str] = "MIRROR_PAD"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        amounts_constant,
        padded_shape,
        reflected_inside,
    )

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        edge = node.option("Mode")
        walks = []
        for d, (n, (before, after)) in enumerate(
            zip(node.input(0).shape, read_amounts(node), strict=True)
        ):
            inside = (p if p >= 0 else -p - edge for p in range(-before, n + after))
            indices = tuple(p if p < n else 2 * n - 2 + edge - p for p in inside)
            walks.append(
                [Walk(n, d) if before == after == 0 else Walk(len(indices), d, 1, indices)]
            )
        return make_move(cls, node, [make_part(0, node.input(0), node.output, walks)])
