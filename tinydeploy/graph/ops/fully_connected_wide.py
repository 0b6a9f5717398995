"""FULLY_CONNECTED of int16 activations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.dense import Dense, dense_constraints, read_dense
from tinydeploy.graph.invariants import broken, is_int16_bounds
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.weights import read_scales
from tinydeploy.graph.wide import (
    fits_wide,
    read_wide_bias,
    read_wide_output,
    results_fit,
    wide_accumulators_fit,
    wide_bias,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def multipliers_below_one(node: Node) -> bool:
    """Its scales give requantization multipliers of at least 2^-32 and below 1."""
    scales = read_scales(node, len(node.quantization(1).scales))
    return bool(((scales >= 2.0**-32) & (scales < 1)).all())


@register_op(types=("int16",))
@dataclass(frozen=True, eq=False)
class FullyConnectedWide(Dense):
    """A matrix times every vector of `depth` consecutive int16 inputs.

        acc = bias[c] + sum(weights[c, k] * input[k])                      64 bits
        output = clamp(round_away(acc * scale[c]), low, high)

    The reference takes acc * scale[c] in double precision.

    Args:
        bias: int64.
        low: Lower bound of the output, within int16.
        high: Upper bound.
    """

    builtin: ClassVar[str] = "FULLY_CONNECTED"
    constraints: ClassVar[tuple[Constraint, ...]] = dense_constraints(
        wide_bias(axis=0),
        multipliers_below_one,
        wide_accumulators_fit(axis=0),
        results_fit(axis=0),
    )

    bias: NDArray[np.int64]
    low: int
    high: int

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "fully_connected_s16"

    @classmethod
    def read(cls, node: Node) -> FullyConnectedWide:
        """Makes the op from an operator whose constraints hold."""
        bias = read_wide_bias(node, node.input(1).shape[0])
        return cls(bias=bias, **read_dense(node), **read_wide_output(node))

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a fully-connected layer: of its arrays, then the others."""
        return self.array_problems(np.int64) or (
            broken(*self._value_rules()) + self.size_problems(graph)
        )

    def _value_rules(self) -> Iterator[tuple[bool, str]]:
        yield is_int16_bounds(self.low, self.high), "the range of outputs is not empty"
        in_range = (self.scale >= 2.0**-32) & (self.scale < 1)
        yield bool(in_range.all()), "scales are below 1 and at least 2^-32"
        yield fits_wide(self.weights, self.bias), "accumulators stay below 2^47"
