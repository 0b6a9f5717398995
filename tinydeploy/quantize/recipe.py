"""Which remedies against the loss of quantization are applied."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

RangeMethod = Literal["min-max", "percentile", "mse", "entropy"]
RANGE_METHODS: tuple[RangeMethod, ...] = get_args(RangeMethod)

Rounding = Literal["nearest", "compensated", "reconstructed"]
Effort = Literal["low", "normal", "high"]


@dataclass(frozen=True)
class Recipe:
    """What to do beyond rounding to the nearest integer.

    Args:
        ranges: How the ranges of activations are chosen; "measured" takes of all methods, tensor by
            tensor, the one that disturbs the layers behind it least.
        equalize: Scale channels so that all use the range of their tensor.
        correct_bias: Take the mean error of each channel out of its bias.
        fit_weights: Move weights to make up for the errors of the layers before.
        rounding: Of the weights: each to the nearest integer; so that errors make up for each
            other; or, beyond that, by search for what the layer gives.
        guard: Keep a remedy only where it helps on calibration inputs that it has not seen.
        samples: Calibration inputs, at most, that weights and biases are fitted to.
    """

    ranges: RangeMethod | Literal["measured"] = "measured"
    equalize: bool = True
    correct_bias: bool = True
    fit_weights: bool = True
    rounding: Rounding = "compensated"
    guard: bool = True
    samples: int = 96


EFFORTS: MappingProxyType[Effort, Recipe] = MappingProxyType(
    {
        "low": Recipe(
            ranges="percentile", fit_weights=False, rounding="nearest", guard=False, samples=32
        ),
        "normal": Recipe(),
        "high": Recipe(rounding="reconstructed", samples=256),
    }
)
