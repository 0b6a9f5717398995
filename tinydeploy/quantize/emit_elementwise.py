"""Operators that compute each number by itself."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.emitter import Emitter
from tinydeploy.quantize.network import (
    Activation,
    Add,
    Array,
    Binary,
    Mul,
    PRelu,
    Sub,
    WithConstant,
)
from tinydeploy.quantize.tflite_operators import OptionValue

_BUILTINS = {Add: "ADD", Sub: "SUB", Mul: "MUL"}


def emit_binary(emitter: Emitter, layer: Binary) -> None:
    """ADD, SUB or MUL of two activations."""
    inputs = [emitter.tensor(name) for name in layer.inputs]
    builtin = _BUILTINS[type(layer)]
    emitter.add_bounded(builtin, layer.output, inputs, (layer.low, layer.high), {})


def emit_with_constant(emitter: Emitter, layer: WithConstant) -> None:
    """ADD or MUL with a constant, or SUB from it."""
    parameters = _fit_constant(layer.value)
    if emitter.parameters[layer.output].dtype == "int16":
        parameters = Parameters.from_reach(float(np.abs(layer.value).max()))
    values = parameters.quantize(layer.value)
    constant = emitter.add_constant(f"{layer.output}/constant", values, parameters)
    inputs = [emitter.tensor(layer.inputs[0]), constant]
    if layer.kind == "SUB":
        inputs.reverse()
    emitter.writer.add_op(layer.kind, inputs, [emitter.tensor(layer.output)])


def emit_activation(emitter: Emitter, layer: Activation) -> None:
    """The operator of that name."""
    options: dict[str, OptionValue] = {}
    if layer.kind == "LEAKY_RELU":
        options["Alpha"] = layer.alpha
    if layer.kind == "GELU_TANH":
        options["Approximate"] = True
    emitter.add(layer.kind.removesuffix("_TANH"), layer, options=options)


def emit_prelu(emitter: Emitter, layer: PRelu) -> None:
    """PRELU with a slope per channel."""
    shape = emitter.network.shapes[layer.output]
    slope = layer.slope.reshape((1,) * (len(shape) - 2) + (-1,))
    parameters = _fit_constant(slope)
    values = parameters.quantize(slope)
    emitter.add("PRELU", layer, emitter.add_constant(f"{layer.output}/slope", values, parameters))


def _fit_constant(values: Array) -> Parameters:
    """A quantization for constants: of several that reach as far, the one that rounds least.

    The zero point is 0, so that no value and its negative differ; positive constants alone have
    the whole of int8.
    """
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    zero_point = -128 if low == 0 else 127 if high == 0 else 0
    reach = 255 if zero_point else 127
    largest = max(high, -low) or 1.0
    candidates = [
        Parameters(float(np.float32(largest / steps)), zero_point)
        for steps in range(reach, reach // 2, -1)
    ]
    return min(candidates, key=lambda p: float(np.abs(_error(p, values)).max()))


def _error(parameters: Parameters, values: Array) -> Array:
    q = parameters.quantize(values)
    return (q.astype(np.float64) - parameters.zero_point) * parameters.scale - values
