"""SPACE_TO_DEPTH and DEPTH_TO_SPACE: blocks of pixels become channels, and back."""

from __future__ import annotations

from typing import ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    nhwc,
)
from tinydeploy.graph.movement import Walk, make_part
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.move import Move, make_move


def block_shape(node: Node) -> bool:
    """Its block size is at least 1, and its output has the shape that it gives."""
    block = node.option("BlockSize")
    deep, wide = node.output.shape, node.input(0).shape
    if node.builtin == "DEPTH_TO_SPACE":
        deep, wide = wide, deep
    return (
        block >= 1
        and wide[1:] == (deep[1] * block, deep[2] * block, deep[3] // block**2)
        and (deep[3] % block**2 == 0)
    )


_CONSTRAINTS: tuple[Constraint, ...] = (
    inputs_and_outputs(1),
    *ACTIVATION_CONSTRAINTS,
    nhwc,
    block_shape,
)


@register_op("SPACE_TO_DEPTH")
class SpaceToDepth(Move):
    """Channels are (row of the block, column of the block, channel of the input)."""

    builtin: ClassVar[str] = "SPACE_TO_DEPTH"
    constraints: ClassVar[tuple[Constraint, ...]] = _CONSTRAINTS

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        block = node.option("BlockSize")
        _, height, width, _ = node.output.shape
        channels = [Walk(block, 1), Walk(block, 2), Walk(node.input(0).shape[3], 3)]
        walks = [[], [Walk(height, 1, block)], [Walk(width, 2, block)], channels]
        return make_move(cls, node, [make_part(0, node.input(0), node.output, walks)])


@register_op("DEPTH_TO_SPACE")
class DepthToSpace(Move):
    """The inverse of SPACE_TO_DEPTH."""

    builtin: ClassVar[str] = "DEPTH_TO_SPACE"
    constraints: ClassVar[tuple[Constraint, ...]] = _CONSTRAINTS

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        block, depth = node.option("BlockSize"), node.output.shape[3]
        _, height, width, _ = node.input(0).shape
        walks = [
            [],
            [Walk(height, 1), Walk(block, 3, block * depth)],
            [Walk(width, 2), Walk(block, 3, depth)],
            [Walk(depth, 3)],
        ]
        return make_move(cls, node, [make_part(0, node.input(0), node.output, walks)])
