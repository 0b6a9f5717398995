"""BATCH_MATMUL: products of matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    is_per_tensor_int8,
)
from tinydeploy.graph.fixed_point import quantize_multiplier
from tinydeploy.graph.invariants import broken, is_int8, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node, float32_product
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

_MAX_DEPTH = 1 << 15
"""Products of a sum, each of two factors of at most 255: it stays below 2^15 * 2^16 = 2^31."""
_MAX_SHIFT = 7

Shape = tuple[int, ...]


def second_quantized(node: Node) -> bool:
    """Its second operand is int8 with one scale in 2^-40 to 2^40 and a zero point in range."""
    return node.has_input(1) and is_per_tensor_int8(node.input(1))


def matrices_fit(node: Node) -> bool:
    """Its operands are matrices that fit each other, as many as its output has or a single one."""
    a, b, y = node.input(0).shape, node.input(1).shape, node.output.shape
    if min(len(a), len(b), len(y)) < 2:
        return False
    rows, depth = _turn(a, node.option("AdjX"))
    other, columns = _turn(b, node.option("AdjY"))
    batch = _strip(y[:-2])
    return (
        len(y) == max(len(a), len(b))
        and depth == other <= _MAX_DEPTH
        and y[-2:] == (rows, columns)
        and all(_strip(shape[:-2]) in ((), batch) for shape in (a, b))
        and batch in (_strip(a[:-2]), _strip(b[:-2]))
    )


def product_multiplier(node: Node) -> bool:
    """Its scales give a requantization multiplier below 2^7."""
    return quantize_multiplier(real_multiplier(node))[1] <= _MAX_SHIFT


@register_op()
@dataclass(frozen=True, eq=False)
class BatchMatmul(Op):
    """Every matrix of the one operand times that of the other, or times its only one.

        acc = sum((a[m, k] - zero point) * (b[k, n] - zero point))
        output[m, n] = clamp(multiply_double_rounding(acc, *multiplier) + output_zero_point)

    Args:
        constant: The second operand where that is no activation, of the output's type.
        turned: Which of both operands has rows and columns exchanged.
        zero_points: Of both operands.
        output_zero_point: Zero point of the output.
        multiplier: (multiplier, shift), real value below 2^7.
    """

    builtin: ClassVar[str] = "BATCH_MATMUL"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        second_quantized,
        matrices_fit,
        product_multiplier,
    )

    constant: NDArray[Any] | None
    turned: tuple[bool, bool]
    zero_points: tuple[int, int]
    output_zero_point: int
    multiplier: tuple[int, int]

    @classmethod
    def read(cls, node: Node) -> BatchMatmul:
        """Makes the op from an operator whose constraints hold."""
        data = node.input(1).data
        return cls(
            index=node.index,
            inputs=node.activations,
            outputs=node.outputs,
            constant=data,
            turned=(bool(node.option("AdjX")), bool(node.option("AdjY"))),
            zero_points=(node.quantization(0).zero_point, node.quantization(1).zero_point),
            output_zero_point=node.output_quantization.zero_point,
            multiplier=quantize_multiplier(real_multiplier(node)),
        )

    def shapes(self, graph: Graph) -> tuple[Shape, Shape]:
        """Of both operands."""
        other = self.constant
        second = graph.tensors[self.inputs[1]].shape if other is None else other.shape
        return graph.tensors[self.inputs[0]].shape, second

    def depth(self, graph: Graph) -> int:
        """Products of each sum."""
        return _turn(self.shapes(graph)[0], self.turned[0])[1]

    def macs(self, graph: Graph) -> int:
        """A product for each element of the output and of the depth."""
        return graph.tensors[self.outputs[0]].size * self.depth(graph)

    def parameters(self) -> int:
        """Elements of the constant."""
        return 0 if self.constant is None else int(self.constant.size)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of products of matrices."""
        first, second = self.shapes(graph)
        rows, depth = _turn(first, self.turned[0])
        other, columns = _turn(second, self.turned[1])
        y = graph.tensors[self.outputs[0]].shape
        matrices = math.prod(y[:-2])
        return broken(
            (len(self.inputs) == 1 + (self.constant is None), "there are two operands"),
            (
                self.constant is None
                or self.constant.dtype == graph.tensors[self.outputs[0]].dtype,
                "a constant is of the output's type",
            ),
            (depth == other <= _MAX_DEPTH, "the operands fit each other"),
            (y[-2:] == (rows, columns), "the output has rows of the one, columns of the other"),
            (
                {math.prod(first[:-2]), math.prod(second[:-2])} | {1} == {1, matrices},
                "the output has as many matrices",
            ),
            (self._multiplier_fits(graph), "the multiplier is in range"),
            (is_int8(*self.zero_points), "zero points are in range"),
            (zero_point_of(graph, self.inputs[0]) == self.zero_points[0], "zero points agree"),
        )

    def _multiplier_fits(self, graph: Graph) -> bool:
        del graph
        return is_multiplier(*self.multiplier) and self.multiplier[1] <= _MAX_SHIFT


def _turn(shape: Shape, turned: float) -> tuple[int, int]:
    """Rows and columns of the matrices."""
    rows, columns = shape[-2:]
    return (columns, rows) if turned else (rows, columns)


def _strip(batch: Shape) -> Shape:
    """Without sizes of 1 at the front."""
    while batch and batch[0] == 1:
        batch = batch[1:]
    return batch


def real_multiplier(node: Node) -> float:
    """The product of scales in float32, the rest in double, as TFLite's Prepare does."""
    product = float32_product(node.quantization(0).scale, node.quantization(1).scale)
    return float(product) / node.output_quantization.scale
