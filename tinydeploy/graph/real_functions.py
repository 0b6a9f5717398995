"""Real functions of one number as the reference computes them, rounded to float32."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float32]
Function = Callable[[Reals], Reals]


def logistic(x: Reals) -> Reals:
    """1 / (1 + exp(-x))."""
    # exp is taken in double and rounded, as good C libraries do; beyond +-80 the result is 0 or 1
    # after rounding, and float32 does not overflow.
    exponential = np.exp(np.clip(-x.astype(np.float64), -80, 80)).astype(np.float32)
    return np.float32(1) / (np.float32(1) + exponential)


def tanh(x: Reals) -> Reals:
    """The hyperbolic tangent."""
    return np.tanh(x.astype(np.float64)).astype(np.float32)


def exp(x: Reals) -> Reals:
    """The exponential function."""
    return np.exp(x.astype(np.float64)).astype(np.float32)


def log(x: Reals) -> Reals:
    """The natural logarithm; minus infinity where there is none."""
    positive = np.where(x > 0, x, 1).astype(np.float64)
    return np.where(x > 0, np.log(positive), -np.inf).astype(np.float32)


def gelu_erf(x: Reals) -> Reals:
    """GELU: x times the share of the normal distribution below x."""
    negated = x * np.float32(-math.sqrt(0.5))
    complement = np.array([math.erfc(float(value)) for value in negated], np.float32)
    return np.float32(0.5) * x * complement


def gelu_tanh(x: Reals) -> Reals:
    """GELU by its approximation with tanh."""
    inner = x + np.float32(0.044715) * x * x * x
    return np.float32(0.5) * x * (np.float32(1) + tanh(np.float32(math.sqrt(2 / math.pi)) * inner))
