"""Layers that compute each number by itself, as numpy functions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.quantize.network import (
    Activation,
    Add,
    Binary,
    Extremum,
    Layer,
    Mul,
    PRelu,
    Sub,
    WithConstant,
)

Values = NDArray[np.float32]

_ERF = np.vectorize(math.erf, otypes=[np.float32])


def evaluate_elementwise(layer: Layer, inputs: list[Values]) -> Values:
    """The output of such a layer; inputs float32 that broadcast.

    Raises:
        InternalError: It is no such layer.
    """
    x = inputs[0]
    if isinstance(layer, Binary):
        value = _combine(layer, x, inputs[1])
        return value.clip(np.float32(layer.low), np.float32(layer.high))
    if isinstance(layer, Extremum):
        return np.asarray((np.maximum if layer.kind == "MAXIMUM" else np.minimum)(x, inputs[1]))
    if isinstance(layer, WithConstant):
        constant = layer.value.astype(np.float32)
        if layer.kind == "MUL":
            return np.asarray(x * constant)
        return np.asarray(x + constant if layer.kind == "ADD" else constant - x)
    if isinstance(layer, PRelu):
        return np.where(x < 0, x * layer.slope.astype(np.float32), x)
    if isinstance(layer, Activation):
        return _activate(layer, x)
    raise InternalError(f"no evaluation of {type(layer).__name__}")


def _combine(layer: Binary, a: Values, b: Values) -> Values:
    if isinstance(layer, Add):
        return a + b
    if isinstance(layer, Sub):
        return a - b
    if isinstance(layer, Mul):
        return a * b
    raise InternalError(f"no evaluation of {type(layer).__name__}")


def _activate(layer: Activation, x: Values) -> Values:
    """The function, in float64 where it could overflow."""
    if layer.kind == "ABS":
        return np.abs(x)
    if layer.kind == "EXP":
        return np.asarray(np.exp(x))
    if layer.kind == "TANH":
        return np.tanh(x)
    if layer.kind == "LOGISTIC":
        return np.asarray(0.5 * (1 + np.tanh(0.5 * x)), np.float32)
    if layer.kind == "LEAKY_RELU":
        return np.where(x < 0, x * np.float32(layer.alpha), x)
    if layer.kind == "HARD_SWISH":
        return np.asarray(x * np.clip(x + np.float32(3), 0, 6) / np.float32(6))
    if layer.kind == "GELU":
        return np.asarray(0.5 * x * (1 + _ERF(x / math.sqrt(2))), np.float32)
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return np.asarray(0.5 * x * (1 + np.tanh(inner)), np.float32)
