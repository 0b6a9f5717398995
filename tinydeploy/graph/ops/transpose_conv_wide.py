"""TRANSPOSE_CONV of int16 activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    has_options,
    inputs_and_outputs,
    known_activation,
    known_padding,
    nhwc,
    positive_strides,
)
from tinydeploy.graph.fixed_point import reduce_multipliers
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.ops.transpose_conv import (
    transposed_fits,
    transposed_macs,
    transposed_paddings,
    transposed_rows,
    transposed_shape,
)
from tinydeploy.graph.weights import read_scales, weights_constant, weights_symmetric
from tinydeploy.graph.wide import (
    read_wide_bias,
    read_wide_output,
    results_fit,
    wide_accumulators_fit,
    wide_bias,
)
from tinydeploy.graph.wide_convolution import WideConvolution

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@register_op("TRANSPOSE_CONV", types=("int16",))
@dataclass(frozen=True, eq=False)
class TransposeConvWide(WideConvolution):
    """The transpose of a convolution, as `TransposeConv`."""

    builtin: ClassVar[str] = "TRANSPOSE_CONV"
    channel_axis: ClassVar[int] = 0
    takes_padding: ClassVar[bool] = False
    input_order: ClassVar[tuple[int, ...] | None] = (2, 1, 3)
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2, 3),
        *ACTIVATION_CONSTRAINTS,
        nhwc,
        weights_constant(4),
        weights_symmetric(axis=0),
        wide_bias(axis=0),
        has_options,
        positive_strides,
        known_padding,
        transposed_shape,
        known_activation,
        wide_accumulators_fit(axis=0),
        results_fit(axis=0),
    )

    @classmethod
    def read(cls, node: Node) -> TransposeConvWide:
        """Makes the op from an operator whose constraints hold."""
        weights = node.constant(1)
        multiplier, shift = reduce_multipliers(read_scales(node, len(weights)))
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            weights=weights,
            stride=(node.option("StrideH"), node.option("StrideW")),
            dilation=(1, 1),
            padding=transposed_paddings(node),
            bias=read_wide_bias(node, len(weights)),
            multiplier=multiplier,
            shift=shift,
            **read_wide_output(node),
        )

    def row_shape(self, graph: Graph) -> tuple[int, int, int]:
        """(height, width, channels) of the output."""
        return graph.tensors[self.outputs[0]].rows

    def macs(self, graph: Graph) -> int:
        """Input pixels times weights; products that fall outside of the output count."""
        return transposed_macs(self, graph)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """Rows whose windows reach output rows [first, last)."""
        return transposed_rows(self, first, last)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a transposed convolution."""
        return super().verify(graph) + broken(
            (self.dilation == (1, 1), "it has no dilation"),
            (transposed_fits(self, graph), "the input fits"),
        )
