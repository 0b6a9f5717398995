"""RESIZE_NEAREST_NEIGHBOR: every pixel is one of the input's."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    nhwc,
    same_quantization,
)
from tinydeploy.graph.fixed_point import round_array
from tinydeploy.graph.movement import MAX_INDEX, Walk, make_part
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.ops.move import Move, make_move


def resized_shape(node: Node) -> bool:
    """Its output has the channels of its input; height and width are at most 65536."""
    shape, output = node.input(0).shape, node.output.shape
    return shape[3] == output[3] and max(*shape[1:3], *output[1:3]) <= MAX_INDEX + 1


@register_op("RESIZE_NEAREST_NEIGHBOR", types=TYPES)
class ResizeNearestNeighbor(Move):
    """The nearest pixel of the input, of places computed in float32 as the reference does it."""

    builtin: ClassVar[str] = "RESIZE_NEAREST_NEIGHBOR"
    input_order: ClassVar[tuple[int, ...] | None] = (0,)  # the size is that of the output
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        nhwc,
        same_quantization,
        resized_shape,
    )

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        corners, centers = bool(node.option("AlignCorners")), bool(node.option("HalfPixelCenters"))
        sizes = zip(node.input(0).shape[1:3], node.output.shape[1:3], strict=True)
        walks = [
            [Walk(new, axis, 1, _nearest(old, new, corners=corners, centers=centers))]
            for axis, (old, new) in enumerate(sizes, start=1)
        ]
        channels = [Walk(node.output.shape[3], 3)]
        part = make_part(0, node.input(0), node.output, [[], *walks, channels])
        return make_move(cls, node, [part])


def _nearest(old: int, new: int, *, corners: bool, centers: bool) -> tuple[int, ...]:
    aligned = corners and new > 1
    scale = np.float32(old - aligned) / np.float32(new - aligned)
    places = (np.arange(new, dtype=np.float32) + np.float32(0.5 if centers else 0)) * scale
    whole = round_array(places) if corners else np.floor(places).astype(np.int64)
    return tuple(np.clip(whole, 0, old - 1).tolist())
