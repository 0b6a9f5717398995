"""Folding bounds on the output into the op that computes it.

Rules, for an op P whose output only a clamp C reads, and is no output of the model:

1. C is a MAXIMUM with a constant per channel: P's lower and upper bounds are raised to it.
2. C is a MINIMUM with a constant per channel: P's lower and upper bounds are lowered to it.
3. C is RELU, RELU6 or RELU_N1_TO_1 with equal quantization of input and output: a table that maps
   v to min(max(v, low), high) is a clamp to [low, high].
4. C is RELU or RELU6 of int16, or a QUANTIZE, with equal types and quantization of input and
   output: it multiplies by 1, and bounds the result.

P is CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED, which have bounds per channel, or for equal
bounds in all channels also ADD, SUB, MUL, MAX_POOL_2D, AVERAGE_POOL_2D, QUANTIZE, and any of these
of int16. P writes C's output and
C goes. P has clamped to [low, high] before C does to [l, h]; together that is a clamp to
[min(max(low, l), h), min(max(high, l), h)], which is never empty.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.invariants import quantize_alike
from tinydeploy.graph.lookup_tables import VALUES
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.div import Div
from tinydeploy.graph.ops.extremum_wide import ExtremumWide
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.ops.fully_connected_wide import FullyConnectedWide
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.ops.maximum import Maximum
from tinydeploy.graph.ops.minimum import Minimum
from tinydeploy.graph.ops.mul import Mul
from tinydeploy.graph.ops.mul_wide import MulWide
from tinydeploy.graph.ops.requantize import Requantize
from tinydeploy.graph.ops.sum_wide import SumWide
from tinydeploy.graph.passes.graph_pass import Uses
from tinydeploy.graph.pooling import Pooling
from tinydeploy.graph.scaled_sum import ScaledSum
from tinydeploy.graph.wide_convolution import WideConvolution

Bounds = NDArray[np.int8] | NDArray[np.int16]

# Ops with one lower and one upper bound.
_WITH_BOUNDS = (
    *(Div, FullyConnectedWide, Mul, MulWide, Pooling, Requantize, ScaledSum, SumWide),
    WideConvolution,
)


def fold_clamps(graph: Graph) -> Graph:
    """Applies the rules of this module until none fits; see there."""
    uses = Uses(graph)
    merged: dict[int, Op] = {}  # by output
    for op in graph.ops:
        clamped = None
        if (bounds := _read_bounds(op)) and uses.is_private(op.inputs[0]):
            producer = merged.get(op.inputs[0])
            ends = (op.inputs[0], *op.outputs)
            alike = quantize_alike(graph, ends)  # a constant table fits any
            alike = (
                alike and len({(graph.tensors[t].dtype, graph.tensors[t].rows) for t in ends}) == 1
            )
            clamped = _clamp(producer, *bounds) if producer is not None and alike else None
        if clamped is not None:
            del merged[op.inputs[0]]
            op = replace(clamped, outputs=op.outputs)
        merged[op.outputs[0]] = op
    if len(merged) == len(graph.ops):
        return graph
    return replace(graph, ops=tuple(merged.values()))


def _read_bounds(op: Op) -> tuple[Bounds, Bounds] | None:
    """Bounds of a clamp, one for all channels or one per channel; None for any other op."""
    if isinstance(op, Maximum | Minimum | ExtremumWide):
        if op.constant is None or op.constant.ndim != 1:
            return None
        limits = np.iinfo(op.constant.dtype)
        if op.kind == "MAXIMUM":
            return op.constant, np.full_like(op.constant, limits.max)  # rule 1
        return np.full_like(op.constant, limits.min), op.constant  # rule 2
    if isinstance(op, Lookup):  # rule 3
        low, high = op.table[:1], op.table[-1:]
        if low <= high and np.array_equal(op.table, np.clip(VALUES, low[0], high[0])):
            return low, high
    if isinstance(op, Requantize):  # rule 4
        return np.array([op.low], np.int16), np.array([op.high], np.int16)
    return None


def _clamp(op: Op, low: Bounds, high: Bounds) -> Op | None:
    """The op with its output clamped to [low, high]; None where it has no such bounds."""
    if isinstance(op, Convolution | FullyConnected):
        if len(low) not in (1, op.channels):
            return None
        if isinstance(op, Convolution) and op.pool is not None:
            return None  # the clamp belongs behind the pool's own bounds
        return replace(op, low=_bound(op.low, low, high), high=_bound(op.high, low, high))
    if isinstance(op, _WITH_BOUNDS):
        if (low != low[0]).any() or (high != high[0]).any():
            return None
        first: Any = (int(low[0]), int(high[0]))
        return replace(op, low=_bound_one(op.low, *first), high=_bound_one(op.high, *first))
    return None


def _bound(value: NDArray[np.int8], low: Bounds, high: Bounds) -> NDArray[np.int8]:
    return np.minimum(np.maximum(value, low), high).astype(np.int8)


def _bound_one(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)
