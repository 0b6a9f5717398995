"""Helpers for the invariants of ops, of which `Op.verify` returns those that do not hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    INT16_MAX,
    INT16_MIN,
    MAX_SHIFT,
    MIN_SHIFT,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def broken(*rules: tuple[bool, str]) -> list[str]:
    """The sentences of the rules that do not hold; a rule is (whether it holds, its sentence)."""
    return [sentence for holds, sentence in rules if not holds]


def is_int8(*values: int) -> bool:
    """Whether all values are within int8."""
    return all(INT8_MIN <= value <= INT8_MAX for value in values)


def is_bounds(low: int, high: int) -> bool:
    """Whether [low, high] is a range within int8, not empty."""
    return INT8_MIN <= low <= high <= INT8_MAX


def is_int16_bounds(low: int, high: int) -> bool:
    """Whether [low, high] is a range within int16, not empty."""
    return INT16_MIN <= low <= high <= INT16_MAX


def is_multiplier(multiplier: int, shift: int, *, least: int = 1 << 30) -> bool:
    """Whether a significand and a shift are in the ranges that kernels rely on."""
    return (multiplier == 0 or least <= multiplier < 1 << 31) and MIN_SHIFT <= shift <= MAX_SHIFT


def are_multipliers(multiplier: NDArray[np.int32], shift: NDArray[np.int32]) -> bool:
    """`is_multiplier` of every channel."""
    normal = (multiplier == 0) | (multiplier >= 1 << 30)
    return bool((normal & (shift >= MIN_SHIFT) & (shift <= MAX_SHIFT)).all())


def is_array(array: NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...]) -> bool:
    """Whether an array has this dtype and shape."""
    return array.dtype == dtype and array.shape == shape


def quantize_alike(graph: Graph, tensors: Iterable[int]) -> bool:
    """Whether all tensors have the same scale and zero point."""
    quantizations = [graph.tensors[t].quantization for t in tensors]
    first = quantizations[0]
    return first is not None and all(
        q is not None and (q.scale, q.zero_point) == (first.scale, first.zero_point)
        for q in quantizations
    )


def zero_point_of(graph: Graph, tensor: int) -> int:
    """The zero point of an activation."""
    quantization = graph.tensors[tensor].quantization
    assert quantization is not None  # verify_graph checks tensors before ops
    return quantization.zero_point
