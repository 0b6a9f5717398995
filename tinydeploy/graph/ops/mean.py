"""MEAN: the mean over height and width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import ACTIVATION_CONSTRAINTS, inputs_and_outputs
from tinydeploy.graph.fixed_point import INT32_MAX
from tinydeploy.graph.invariants import broken, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.reduce import (
    axes_constant,
    mean_multiplier,
    read_axes,
    read_reduce,
    reduced_shape,
    sums_fit,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@register_op()
@dataclass(frozen=True, eq=False)
class Mean(Op):
    """The mean of each channel over all rows and columns.

        output = clamp(multiply_double_rounding(sum - count * input_zero_point, multiplier, shift)
                       + output_zero_point, -128, 127)

    |sum - count * zero point| <= 255 * count.

    Args:
        count: Elements per channel: height times width.
        input_zero_point: Zero point of the input.
        output_zero_point: Zero point of the output.
        multiplier: In [2^29, 2^31) or 0: the division by `count` is in it and leaves it
            unnormalized.
        shift: In [-31, 30].
    """

    builtin: ClassVar[str] = "MEAN"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        axes_constant,
        reduced_shape,
        sums_fit,
    )

    count: int
    input_zero_point: int
    output_zero_point: int
    multiplier: int
    shift: int

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold; a `Reduce` for other axes."""
        if len(node.input(0).shape) != 4 or read_axes(node) != (1, 2):
            return read_reduce(node)
        _, height, width, _ = node.input(0).shape
        source, output = node.quantization(0), node.output_quantization
        multiplier, shift = mean_multiplier(source.scale / output.scale, height * width)
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            count=height * width,
            input_zero_point=source.zero_point,
            output_zero_point=output.zero_point,
            multiplier=multiplier,
            shift=shift,
        )

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """All rows."""
        return 0, graph.tensors[self.inputs[0]].rows[0]

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a mean."""
        height, width, channels = graph.tensors[self.inputs[0]].rows
        ends = zero_point_of(graph, self.inputs[0]), zero_point_of(graph, self.outputs[0])
        return broken(
            (self.count == height * width, "all elements of a channel count"),
            (graph.tensors[self.outputs[0]].rows == (1, 1, channels), "the output fits"),
            (is_multiplier(self.multiplier, self.shift, least=0), "the multiplier is in range"),
            ((255 * self.count) << max(self.shift, 0) <= INT32_MAX, "sums fit an int32"),
            (
                ends == (self.input_zero_point, self.output_zero_point),
                "zero points agree",
            ),
        )
