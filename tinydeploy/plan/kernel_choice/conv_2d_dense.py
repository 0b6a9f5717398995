"""The kernel of a CONV_2D that has one window, the whole input: a vector times a matrix.

The core loops of products of matrices make two pixels or more at a time, of which such a layer has
one. Those of FULLY_CONNECTED read each weight once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.kernel import Kernel

_BLOCK = 64  # TD_CONV_2D_DENSE_BLOCK
_MOST_WEIGHT = 65279  # in magnitude, of a channel; see td_conv_2d_dense.h
# Estimated instructions of a product, an element of the input, and a channel.
_PRODUCT, _ELEMENT, _CHANNEL = 0.87, 4, 40


@dataclass(frozen=True)
class DenseKernel(Kernel):
    """td_conv_2d_dense_s8."""


def choose_dense(op: Conv2D, graph: Graph) -> DenseKernel | None:
    """The kernel, where it covers the convolution and no other needs products of matrices.

    Where one does, a classifier behind all its pixels would gain less than a per cent of the net's
    instructions, for another kernel in flash.
    """
    others = [other for other in graph.ops if isinstance(other, Conv2D)]
    if not all(_is_covered(each, graph) for each in (op, *others)):
        return None
    depth = op.weights[0].size
    return DenseKernel("conv_2d_dense_s8", 4 * _BLOCK + 2 * depth)


def _is_covered(op: Conv2D, graph: Graph) -> bool:
    height, width, _ = graph.tensors[op.inputs[0]].rows
    weights = op.weights.reshape(len(op.weights), -1)
    return (
        (height, width) == op.kernel
        and op.row_shape(graph)[:2] == (1, 1)
        and op.dilation == (1, 1)
        and not any(op.padding)
        and op.pool is None
        and weights.shape[1] % 4 == 0
        and int(weights.min()) >= -127
        and int(np.abs(weights.astype(np.int64)).sum(axis=1).max()) <= _MOST_WEIGHT
    )


def estimate_instructions(op: Conv2D) -> int:
    """Instructions of the layer, by estimate."""
    channels, depth = len(op.weights), op.weights[0].size
    return int(_PRODUCT * channels * depth + _ELEMENT * depth + _CHANNEL * channels)
