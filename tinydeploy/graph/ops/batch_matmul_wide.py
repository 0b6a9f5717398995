"""BATCH_MATMUL of int16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    is_per_tensor_int16,
)
from tinydeploy.graph.fixed_point import reduce_multipliers
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.ops.batch_matmul import (
    BatchMatmul,
    matrices_fit,
    real_multiplier,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def second_quantized_wide(node: Node) -> bool:
    """Its second operand is int16 with one scale in 2^-40 to 2^40 and a zero point of 0."""
    return node.has_input(1) and is_per_tensor_int16(node.input(1))


def products_fit(node: Node) -> bool:
    """Its scales give a multiplier whose product with the number of summands is below 1."""
    depth = node.input(0).shape[-2 if node.option("AdjX") else -1]
    return depth * real_multiplier(node) < 1


@register_op("BATCH_MATMUL", types=("int16",))
@dataclass(frozen=True, eq=False)
class BatchMatmulWide(BatchMatmul):
    """The same of int16, in 64 bits.

        output[m, n] = clamp(multiply_reduced(acc, *multiplier))

    Sums of 2^15 products stay below 2^45, and what the multiplier leaves of them below 2^30.
    """

    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        second_quantized_wide,
        matrices_fit,
        products_fit,
    )

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "batch_matmul_s16"

    @classmethod
    def read(cls, node: Node) -> BatchMatmulWide:
        """Makes the op from an operator whose constraints hold."""
        multiplier, shift = reduce_multipliers([real_multiplier(node)])
        return cls(
            index=node.index,
            inputs=node.activations,
            outputs=node.outputs,
            constant=node.input(1).data,
            turned=(bool(node.option("AdjX")), bool(node.option("AdjY"))),
            zero_points=(0, 0),
            output_zero_point=0,
            multiplier=(int(multiplier[0]), int(shift[0])),
        )

    def _multiplier_fits(self, graph: Graph) -> bool:
        multiplier, shift = self.multiplier
        small = self.depth(graph) * multiplier < 1 << shift
        return 0 <= multiplier < 1 << 15 and 8 <= shift <= 46 and small
