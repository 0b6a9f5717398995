"""RESIZE_BILINEAR: every pixel from the four of the input that lie round its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    nhwc,
    same_quantization,
)
from tinydeploy.graph.invariants import broken, quantize_alike
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.resize_nearest_neighbor import resized_shape

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

ONE: Final = 1 << 10
"""Places are in units of 1/1024 of a pixel."""


def one_placement(node: Node) -> bool:
    """It aligns corners or places pixels at half a pixel, not both."""
    return not (node.option("AlignCorners") and node.option("HalfPixelCenters"))


def places_inside(node: Node) -> bool:
    """Its rounded steps from pixel to pixel do not lead out of the input."""
    sizes = zip(node.input(0).shape[1:3], node.output.shape[1:3], strict=True)
    return all(_place(node, old, new).pixels(new - 1, old)[0] < old for old, new in sizes)


@dataclass(frozen=True)
class Places:
    """Where pixels lie along one dimension: pixel i at offset + i * step, in units of 1/1024.

    Args:
        step: At least 0.
        offset: Above -1024.
    """

    step: int
    offset: int

    def pixels(self, index: int, size: int) -> tuple[int, int]:
        """The pixels of the input before and behind a place; both the same at its ends."""
        place = self.offset + index * self.step
        # C's division truncates; only places above -1 pixel are below 0.
        return max(place, 0) // ONE, min(max(place + ONE - 1, 0) // ONE, size - 1)


@register_op()
@dataclass(frozen=True, eq=False)
class ResizeBilinear(Op):
    """A mean of four pixels weighed by their distances, of input and output that quantize alike.

    With place = offset + index * step and low, high = pixels(index) in each dimension, and
    fractions place - 1024 * low, which are in [-512, 1024):

        sum = (x[low, low] * (1024 - fraction h) + x[high, low] * fraction h) * (1024 - fraction w)
            + (x[low, high] * (1024 - fraction h) + x[high, high] * fraction h) * fraction w
        output = sum / 2^20, to the nearest integer, halves away from zero

    |sum| <= 128 * (1536 + 512)^2 < 2^30.

    Args:
        height: Places of rows.
        width: Places of columns.
    """

    builtin: ClassVar[str] = "RESIZE_BILINEAR"
    input_order: ClassVar[tuple[int, ...] | None] = (0,)  # the size is that of the output
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        nhwc,
        same_quantization,
        resized_shape,
        one_placement,
        places_inside,
    )

    height: Places
    width: Places

    @classmethod
    def read(cls, node: Node) -> ResizeBilinear:
        """Makes the op from an operator whose constraints hold."""
        sizes = zip(node.input(0).shape[1:3], node.output.shape[1:3], strict=True)
        height, width = (_place(node, old, new) for old, new in sizes)
        return cls(node.index, (node.inputs[0],), node.outputs, height, width)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """The rows round the places of output rows [first, last)."""
        rows = graph.tensors[self.inputs[0]].rows[0]
        return self.height.pixels(first, rows)[0], self.height.pixels(last - 1, rows)[1] + 1

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a resizing."""
        source, output = graph.tensors[self.inputs[0]].rows, graph.tensors[self.outputs[0]].rows
        dimensions = tuple(zip((self.height, self.width), source[:2], output[:2], strict=True))
        return broken(
            (all(p.step >= 0 and p.offset > -ONE for p, _, _ in dimensions), "places ascend"),
            (all(p.pixels(new - 1, n)[0] < n for p, n, new in dimensions), "places are inside"),
            (source[2] == output[2], "the channels stay"),
            (quantize_alike(graph, (*self.inputs, *self.outputs)), "both ends quantize alike"),
        )


def _place(node: Node, old: int, new: int) -> Places:
    """The steps as the reference rounds them."""
    step = (ONE * old + new // 2) // new
    if node.option("AlignCorners") and new > 1:
        step = (ONE * (old - 1) + (new - 1) // 2) // (new - 1)
    return Places(step, step // 2 - ONE // 2 if node.option("HalfPixelCenters") else 0)
