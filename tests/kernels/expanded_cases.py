"""Makers of cases: a 1x1 expansion and a depthwise convolution behind it."""

from __future__ import annotations

import numpy as np
from kernel_batch import Batch, Q, window_size


def add_expanded(
    batch: Batch,
    *,
    size: tuple[int, int] = (9, 8),
    depth: int = 3,
    channels: int = 8,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    pads: tuple[int, int, int, int] | None = None,
    zeros: tuple[int, int, int] = (-3, -11, 5),
    gain: float = 1.0,
    activation: str = "NONE",
    clamp: bool = False,
) -> None:
    """CONV_2D of 1x1, MAXIMUM and PAD if asked for, and DEPTHWISE_CONV_2D.

    `gain` 1 spreads the values over the whole range, more saturates them; `zeros` are the zero
    points of the three tensors, `pads` (top, left, bottom, right), `clamp` bounds each channel.
    """
    rng = batch.rng
    q = Q(0.04, zeros[0])
    scales = rng.uniform(0.002, 0.03, (2, channels)).astype(np.float32)
    wide_q = Q(_spread(q, scales[0], depth) / gain, zeros[1])
    out_q = Q(_spread(wide_q, scales[1], kernel[0] * kernel[1]) / gain, zeros[2])
    tensor = _add_pointwise(batch, size, depth, channels, q, wide_q, scales[0], activation)
    if clamp:
        bounds = rng.integers(-128, 30, channels).astype(np.int8)
        bounded = batch.tensor((1, *size, channels), wide_q)
        batch.op("MAXIMUM", [tensor, batch.constant(bounds, wide_q)], bounded)
        tensor = bounded
    sizes = list(size)
    if pads:
        top, left, bottom, right = pads
        sizes = [size[0] + top + bottom, size[1] + left + right]
        padded = batch.tensor((1, *sizes, channels), wide_q)
        amounts = batch.numbers([(0, 0), (top, bottom), (left, right), (0, 0)])
        batch.op("PAD", [tensor, amounts], padded, {})
        tensor = padded
    out_sizes = [
        window_size(n, k, s, 1, padding) for n, k, s in zip(sizes, kernel, stride, strict=True)
    ]
    name = (
        f"expanded {size} {depth}->{channels} kernel {kernel} stride {stride} {padding} "
        f"pads {pads} {zeros} gain {gain} {activation} clamp {clamp}"
    )
    output = batch.output(name, (1, *out_sizes, channels), out_q)
    options: dict[str, object] = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    options |= {"DepthMultiplier": 1, "FusedActivationFunction": activation}
    weights = rng.integers(-127, 128, (1, *kernel, channels)).astype(np.int8)
    bias = rng.integers(-9000, 9000, channels).astype(np.int32)
    batch.weighted(
        "DEPTHWISE_CONV_2D", tensor, weights, 3, scales[1].tolist(), bias, output, options,
        wide_q.scale,
    )  # fmt: skip


def _spread(q: Q, scales: np.ndarray, taps: int) -> float:  # type: ignore[type-arg]
    """The scale by which sums of random products fill the range of int8."""
    return float(np.float32(q.scale * scales.mean() * 73 * 74 * np.sqrt(taps) / 60))


def _add_pointwise(
    batch: Batch,
    size: tuple[int, int],
    depth: int,
    channels: int,
    q: Q,
    wide_q: Q,
    scales: np.ndarray,  # type: ignore[type-arg]
    activation: str,
) -> int:
    weights = batch.rng.integers(-127, 128, (channels, 1, 1, depth)).astype(np.int8)
    bias = batch.rng.integers(-9000, 9000, channels).astype(np.int32)
    source = batch.input((1, *size, depth), q)
    wide = batch.tensor((1, *size, channels), wide_q)
    options = {
        "Padding": "SAME",
        "StrideH": 1,
        "StrideW": 1,
        "FusedActivationFunction": activation,
    }
    batch.weighted("CONV_2D", source, weights, 0, scales.tolist(), bias, wide, options, q.scale)
    return wide
