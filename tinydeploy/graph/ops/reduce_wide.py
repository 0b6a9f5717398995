"""MEAN, REDUCE_MAX and REDUCE_MIN of int16 activations, over any dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    same_quantization,
)
from tinydeploy.graph.fixed_point import INT32_MAX
from tinydeploy.graph.invariants import broken, is_multiplier
from tinydeploy.graph.movement import Level, Part, Walk, make_levels, make_part
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.reduce import axes_constant, mean_multiplier, read_axes, reduced_shape

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def wide_sums_fit(node: Node) -> bool:
    """Its sums of int16, scaled, stay inside an int32."""
    real = node.quantization(0).scale / node.output_quantization.scale
    return real < 2.0**15 and _fits(_count(node), mean_multiplier(real, _count(node))[1])


@dataclass(frozen=True, eq=False)
class ReduceWide(Op):
    """Elements taken together, for each place in the dimensions that remain.

    REDUCE_MAX and REDUCE_MIN take the largest or smallest and quantize like their input. MEAN:

        output = clamp(multiply_double_rounding(sum, multiplier, shift), -32768, 32767)

    Args:
        function: The operation's name in TFLite's schema.
        part: Where the elements of each output begin in the input.
        taken: Loops over the elements that are taken together.
        multiplier: In [2^29, 2^31) or 0, with the division by the count in it; 0 for extremes.
        shift: In [-31, 30]; 0 for extremes.
    """

    function: str
    part: Part
    taken: tuple[Level, ...]
    multiplier: int
    shift: int

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "reduce_s16"

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @property
    def count(self) -> int:
        """Elements taken together."""
        return math.prod(level.count for level in self.taken)

    @classmethod
    def read(cls, node: Node) -> ReduceWide:
        """Makes the op from an operator whose constraints hold."""
        axes, keep, tensor = read_axes(node) or (), node.option("KeepDims"), node.input(0)
        walks = [
            [] if d in axes else [Walk(n, d)]
            for d, n in enumerate(tensor.shape)
            if keep or d not in axes
        ]
        real = node.quantization(0).scale / node.output_quantization.scale
        means = node.builtin == "MEAN"
        multiplier, shift = mean_multiplier(real, _count(node)) if means else (0, 0)
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            function=node.builtin,
            part=make_part(0, tensor, node.output, walks, apart=True),
            taken=make_levels(tensor, [Walk(tensor.shape[d], d) for d in axes]),
            multiplier=multiplier,
            shift=shift,
        )

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """The rows from the first to the last whose elements are taken."""
        return self._reads().read_rows(first, last)

    def _reads(self) -> Part:
        return replace(self.part, levels=(*self.part.levels, *self.taken))

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a reduction."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        first, last = self._reads().read_rows(0, output.rows[0])
        columns = self._reads().columns()
        inside = 0 <= first < last <= source.rows[0] and 0 <= columns[0] < columns[1]
        return broken(
            (inside and columns[1] <= source.row_bytes, "all that it reads is there"),
            (self.part.size == output.size, "all of the output is made"),
            (self.part.size * self.count == source.size, "nothing is left out"),
            (is_multiplier(self.multiplier, self.shift, least=0), "the multiplier is in range"),
            (self.function != "MEAN" or _fits(self.count, self.shift), "sums fit an int32"),
        )


@register_op(types=("int16",))
class MeanWide(ReduceWide):
    """The mean of the elements."""

    builtin: ClassVar[str] = "MEAN"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        axes_constant,
        reduced_shape,
        wide_sums_fit,
    )


@register_op("REDUCE_MAX", "REDUCE_MIN", types=("int16",))
class ExtremeWide(ReduceWide):
    """The largest or smallest of the elements."""

    builtin: ClassVar[str] = "REDUCE_MAX"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        same_quantization,
        axes_constant,
        reduced_shape,
    )


def _count(node: Node) -> int:
    return math.prod(node.input(0).shape[d] for d in read_axes(node) or ())


def _fits(count: int, shift: int) -> bool:
    return (32768 * count) << max(shift, 0) <= INT32_MAX
