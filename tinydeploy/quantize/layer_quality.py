"""How close a quantized layer's output is to the float network's, and what that is due to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinydeploy.quantize.activations import Dtype, Integers, Parameters
from tinydeploy.quantize.evaluate import Values
from tinydeploy.quantize.network import Layer

# Samples that are looked at at once.
_CHUNK = 8


@dataclass(frozen=True)
class LayerQuality:
    """Measured on calibration inputs, in the network as quantized.

    Args:
        output: Name of the layer's output.
        kind: The layer's class.
        snr_db: Of the output, with the errors of all layers before; infinite where it is exact.
        rounding_db: SNR that rounding and clipping this output alone would leave.
        corrected_db: By how much correcting the biases raised the SNR; 0 where there are none.
        saturated: Part of the float values, 0 to 1, that lie outside the range of its integers by
            more than half a step.
        dtype: Of the output.
    """

    output: str
    kind: str
    snr_db: float
    rounding_db: float
    corrected_db: float
    saturated: float
    dtype: Dtype


def measure_layer(
    layer: Layer,
    exact: Values,
    coarse: Integers,
    parameters: Parameters,
    corrected_db: float,
) -> LayerQuality:
    """Compares a layer's outputs.

    Args:
        layer: The layer.
        exact: float32 [n, ...]: the float network's.
        coarse: int8 or int16 [n, ...]: the quantized network's.
        parameters: Of the output.
        corrected_db: Handed on.
    """
    signal = noise = rounding = 0.0
    saturated = 0
    low, high = parameters.outer_range
    for start in range(0, len(exact), _CHUNK):
        y = exact[start : start + _CHUNK]
        signal += _power(y)
        noise += _power(parameters.dequantize(coarse[start : start + _CHUNK]) - y)
        rounding += _power(parameters.dequantize(parameters.quantize(y)) - y)
        saturated += int(((y < low) | (y > high)).sum())
    return LayerQuality(
        layer.output,
        type(layer).__name__,
        ratio_db(signal, noise),
        ratio_db(signal, rounding),
        corrected_db,
        saturated / max(exact.size, 1),
        parameters.dtype,
    )


def ratio_db(signal: float, noise: float) -> float:
    """Signal over noise in dB; infinite without noise, also where there is no signal either."""
    if noise == 0:
        return float("inf")
    return 10 * float(np.log10(signal / noise)) if signal else float("-inf")


def _power(values: Values) -> float:
    return float(np.square(values).sum(dtype=np.float64))
