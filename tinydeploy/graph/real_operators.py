"""Operators that compute float32 element by element: what they make of arrays of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from tinydeploy.graph.real_functions import (
    Function,
    Reals,
    exp,
    gelu_erf,
    gelu_tanh,
    log,
    logistic,
    tanh,
)
from tinydeploy.graph.tflite_file import Operator

_ONE: Final = np.float32(1)


def _sqrt(x: Reals) -> Reals:
    return np.sqrt(np.maximum(x, 0))


def _rsqrt(x: Reals) -> Reals:
    return _ONE / _sqrt(x)


def _bounds(low: float, high: float) -> Function:
    return lambda x: np.clip(x, np.float32(low), np.float32(high))


# The reference has none of CEIL, ELU and ROUND, not even of float32.
_OF_ONE: Final[Mapping[str, Function]] = {
    "ABS": np.abs,
    "COS": lambda x: np.cos(x.astype(np.float64)).astype(np.float32),
    "EXP": exp,
    "FLOOR": np.floor,
    "LOG": log,
    "LOGISTIC": logistic,
    "NEG": np.negative,
    "RELU": _bounds(0, np.inf),
    "RELU6": _bounds(0, 6),
    "RELU_0_TO_1": _bounds(0, 1),
    "RELU_N1_TO_1": _bounds(-1, 1),
    "RSQRT": _rsqrt,
    "SIGN": np.sign,
    "SIN": lambda x: np.sin(x.astype(np.float64)).astype(np.float32),
    "SQRT": _sqrt,
    "SQUARE": lambda x: x * x,
    "TANH": tanh,
}

_OF_TWO: Final[Mapping[str, Callable[[Reals, Reals], Reals]]] = {
    "ADD": np.add,
    "DIV": np.divide,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "MUL": np.multiply,
    "SQUARED_DIFFERENCE": lambda x, y: (x - y) * (x - y),
    "SUB": np.subtract,
}


def apply_real(operator: Operator, operands: list[Reals]) -> Reals | None:
    """What an operator makes of its operands; None where that is not known.

    Args:
        operator: Any operator of the file, not trusted.
        operands: Float32 arrays that broadcast to each other.
    """
    with np.errstate(all="ignore"):
        if len(operands) == 2 and operator.builtin in _OF_TWO:
            if operator.options.get("FusedActivationFunction", 0) != 0:
                return None
            return _OF_TWO[operator.builtin](operands[0], operands[1])
        if len(operands) != 1:
            return None
        (x,) = operands
        if operator.builtin == "LEAKY_RELU":
            return np.where(x > 0, x, x * np.float32(operator.options.get("Alpha", 0.0)))
        if operator.builtin == "GELU":
            return (gelu_tanh if operator.options.get("Approximate") else gelu_erf)(x)
        return _OF_ONE[operator.builtin](x) if operator.builtin in _OF_ONE else None
