"""Fully-connected layers as TFLite Micro rounds them: twice, on a multiplier of 31 bits.

Its other int8 kernels round as LiteRT's reference does (docs/numerics.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.fixed_point import clamp, multiply_double_rounding, quantize_multipliers
from tinydeploy.graph.ops.fully_connected import FullyConnected


def run_fully_connected(
    op: FullyConnected, inputs: NDArray[Any], shape: tuple[int, ...]
) -> NDArray[np.int8]:
    """The outputs, int8 [n, *shape], for n inputs.

    Args:
        op: The layer.
        inputs: int8 [n, *input shape].
        shape: Of the output.
    """
    depth = op.weights.shape[1]
    vectors = inputs.astype(np.int64).reshape(-1, depth) - op.input_zero_point
    # Sums stay within an int32 (the reader sees to it): exact in int64.
    sums = vectors @ op.weights.astype(np.int64).T + op.bias
    multipliers, shifts = quantize_multipliers(op.scale)
    scaled = multiply_double_rounding(sums, multipliers, shifts) + op.output_zero_point
    outputs = clamp(scaled, op.low, op.high)
    return outputs.reshape(len(inputs), *shape)
