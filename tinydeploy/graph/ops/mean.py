"""MEAN: the mean over height and width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import ACTIVATION_CONSTRAINTS, inputs_and_outputs
from tinydeploy.graph.fixed_point import INT32_MAX, quantize_multiplier
from tinydeploy.graph.invariants import broken, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def axes_height_width(node: Node) -> bool:
    """Its input is NHWC and the mean runs over height and width: the axes are a constant [1, 2]."""
    axes = node.input(1) if node.has_input(1) else None
    return (
        len(node.input(0).shape) == 4
        and axes is not None
        and axes.data is not None
        and axes.dtype == "int32"
        and axes.size <= 4
        and {a % 4 if -4 <= a < 4 else a for a in map(int, node.constant(1).ravel())} == {1, 2}
    )


def mean_shape(node: Node) -> bool:
    """Its output is [1, channels] or [1, 1, 1, channels]."""
    channels = node.input(0).shape[3]
    return node.output.shape in ((1, channels), (1, 1, 1, channels))


def mean_fits(node: Node) -> bool:
    """Its sums stay inside an int32, and its scales give a multiplier of at most 2^30."""
    _, height, width, _ = node.input(0).shape
    real = node.quantization(0).scale / node.output_quantization.scale
    if real >= 2.0**30:
        return False
    _, shift = mean_multiplier(real, height * width)
    return (255 * height * width) << max(shift, 0) <= INT32_MAX


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
        axes_height_width,
        mean_shape,
        mean_fits,
    )

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


def mean_multiplier(real: float, count: int) -> tuple[int, int]:
    """Splits real / count as TFLite's QuantizedMeanOrSum does: the quotient is truncated.

    multiplier < 2^31 and the extra shift is at most 31, so the product fits in an int64; dividing
    it by count >= 2^extra leaves less than 2^31.
    """
    multiplier, shift = quantize_multiplier(real)
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra
