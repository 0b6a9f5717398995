"""MEAN: the mean over height and width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.fixed_point import quantize_multiplier
from tinydeploy.graph.node import Node
from tinydeploy.graph.op import Op, register_op

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
        multiplier: In [2^29, 2^31) or 0: the division by `count` is in it and leaves it unnormalized.
        shift: In [-31, 30].
    """

    builtin: ClassVar[str] = "MEAN"

    count: int
    input_zero_point: int
    output_zero_point: int
    multiplier: int
    shift: int

    @classmethod
    def read(cls, node: Node) -> Mean:
        """Makes the op from an operator whose constraints hold."""
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


def mean_multiplier(real: float, count: int) -> tuple[int, int]:
    """Splits real / count the way TFLite's QuantizedMeanOrSum does: the quotient is truncated, not rounded.

    multiplier < 2^31 and the extra shift is at most 31, so the product fits in an int64; dividing it by
    count >= 2^extra leaves less than 2^31.
    """
    multiplier, shift = quantize_multiplier(real)
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra
