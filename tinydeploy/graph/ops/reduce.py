"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN over any dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    same_quantization,
)
from tinydeploy.graph.fixed_point import INT32_MAX, quantize_multiplier
from tinydeploy.graph.invariants import broken, is_multiplier, quantize_alike
from tinydeploy.graph.movement import Level, Part, Walk, make_levels, make_part
from tinydeploy.graph.node import Constraint, Node, read_integers
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def axes_constant(node: Node) -> bool:
    """Its axes are a constant, and the input has them."""
    return read_axes(node) is not None


def reduced_shape(node: Node) -> bool:
    """Its output has the shape of its input, with sizes of 1 or nothing in place of the axes."""
    axes, keep = read_axes(node) or (), node.option("KeepDims")
    return node.output.shape == tuple(
        1 if d in axes else n for d, n in enumerate(node.input(0).shape) if keep or d not in axes
    )


def sums_fit(node: Node) -> bool:
    """Its sums stay inside an int32, and its scales give a multiplier of at most 2^30."""
    real = node.quantization(0).scale / node.output_quantization.scale
    if real >= 2.0**30:
        return False
    return _fits(_count_taken(node), _read_multiplier(node)[1])


@dataclass(frozen=True, eq=False)
class Reduce(Op):
    """Elements taken together, for each place in the dimensions that remain.

    REDUCE_MAX and REDUCE_MIN take the largest or smallest and quantize like their input. MEAN and
    SUM:

        output = clamp(multiply_double_rounding(sum - count * input_zero_point, multiplier, shift)
                       + output_zero_point, -128, 127)

    Args:
        function: The operation's name in TFLite's schema.
        part: Where the elements of each output begin in the input.
        taken: Loops over the elements that are taken together.
        multiplier: In [2^29, 2^31) or 0, of a mean with the division by the count in it; 0 for
            extremes.
        shift: In [-31, 30]; 0 for extremes.
    """

    function: str
    part: Part
    taken: tuple[Level, ...]
    multiplier: int
    shift: int

    @property
    def stem(self) -> str:
        """All of these ops have one kernel."""
        return "reduce"

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @property
    def adds(self) -> bool:
        """Whether it is a mean or a sum, not an extreme."""
        return not isinstance(self, ReduceExtreme)

    @property
    def count(self) -> int:
        """Elements taken together."""
        return math.prod(level.count for level in self.taken)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """The rows from the first to the last whose elements are taken."""
        return self._reads().read_rows(first, last)

    def _reads(self) -> Part:
        return replace(self.part, levels=(*self.part.levels, *self.taken))

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a reduction."""
        height, width, channels = graph.tensors[self.inputs[0]].rows
        output = graph.tensors[self.outputs[0]]
        first, last = self._reads().read_rows(0, output.rows[0])
        columns, ends = self._reads().columns(), (*self.inputs, *self.outputs)
        inside = 0 <= first < last <= height and 0 <= columns[0] < columns[1] <= width * channels
        return broken(
            (inside, "all that it reads is there"),
            (self.part.size == output.size, "all of the output is made"),
            (self.part.size * self.count == height * width * channels, "nothing is left out"),
            (all(level.indices is None for level in self.taken), "its loops have no indices"),
            (is_multiplier(self.multiplier, self.shift, least=0), "the multiplier is in range"),
            (not self.adds or _fits(self.count, self.shift), "sums fit an int32"),
            (self.adds or quantize_alike(graph, ends), "extremes quantize like the input"),
        )


@register_op("REDUCE_MAX", "REDUCE_MIN")
class ReduceExtreme(Reduce):
    """The largest or smallest of the elements."""

    builtin: ClassVar[str] = "REDUCE_MAX"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        same_quantization,
        axes_constant,
        reduced_shape,
    )

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        return read_reduce(node)


@register_op("SUM")
class ReduceSum(Reduce):
    """The sum of the elements."""

    builtin: ClassVar[str] = "SUM"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        axes_constant,
        reduced_shape,
        sums_fit,
    )

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        return read_reduce(node)


def read_reduce(node: Node) -> Reduce:
    """Makes the op from an operator whose constraints hold."""
    axes, keep = read_axes(node) or (), node.option("KeepDims")
    tensor = node.input(0)
    walks = [
        [] if d in axes else [Walk(n, d)]
        for d, n in enumerate(tensor.shape)
        if keep or d not in axes
    ]
    kind = {"MEAN": Reduce, "SUM": ReduceSum}.get(node.builtin, ReduceExtreme)
    multiplier, shift = (0, 0) if kind is ReduceExtreme else _read_multiplier(node)
    return kind(
        index=node.index,
        inputs=(node.inputs[0],),
        outputs=node.outputs,
        function=node.builtin,
        part=make_part(0, tensor, node.output, walks, apart=True),
        taken=make_levels(tensor, [Walk(tensor.shape[d], d) for d in axes]),
        multiplier=multiplier,
        shift=shift,
    )


def read_axes(node: Node) -> tuple[int, ...] | None:
    """The axes, ascending, none twice; None where they are not constant or the input lacks one."""
    rank, numbers = len(node.input(0).shape), read_integers(node, 1)
    if not numbers or not all(-rank <= axis < rank for axis in numbers):
        return None
    return tuple(sorted({axis % rank for axis in numbers}))


def _count_taken(node: Node) -> int:
    """Number of elements taken together."""
    return math.prod(node.input(0).shape[d] for d in read_axes(node) or ())


def mean_multiplier(real: float, count: int) -> tuple[int, int]:
    """Splits real / count as TFLite's QuantizedMeanOrSum does: the quotient is truncated.

    multiplier < 2^31 and the extra shift is at most 31, so the product fits in an int64; dividing
    it by count >= 2^extra leaves less than 2^31.
    """
    multiplier, shift = quantize_multiplier(real)
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra


def _read_multiplier(node: Node) -> tuple[int, int]:
    real = node.quantization(0).scale / node.output_quantization.scale
    if node.builtin == "SUM":
        return quantize_multiplier(real)
    return mean_multiplier(real, _count_taken(node))


def _fits(count: int, shift: int) -> bool:
    return (255 * count) << max(shift, 0) <= INT32_MAX
