"""One-call makers of cases of int16 activations."""

from __future__ import annotations

import math

import numpy as np
from kernel_batch import Batch, Q, window_size


def wide(scale: float) -> Q:
    """Scale of an int16 tensor."""
    return Q(float(np.float32(scale)), 0, "int16")


def add_wide_convolution(
    batch: Batch,
    *,
    size: tuple[int, int] = (6, 5),
    depth: int = 3,
    channels: int = 4,
    multiplier: int = 0,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    per_channel: bool = True,
    activation: str = "NONE",
    gain: float = 1.0,
) -> None:
    """Adds a convolution, depthwise where `multiplier` is not 0."""
    rng = batch.rng
    channels = depth * multiplier if multiplier else channels
    shape = (1, *kernel, channels) if multiplier else (channels, *kernel, depth)
    values = rng.integers(-127, 128, shape).astype(np.int8)
    taps = math.prod(kernel) * (1 if multiplier else depth)
    q = wide(0.0004)
    scales = rng.uniform(0.002, 0.03, channels if per_channel else 1).astype(np.float32)
    spread = float(q.scale * scales.mean() * 73 * 18900 * np.sqrt(taps))
    out_shape = (
        1,
        window_size(size[0], kernel[0], stride[0], dilation[0], padding),
        window_size(size[1], kernel[1], stride[1], dilation[1], padding),
        channels,
    )
    options: dict[str, object] = {
        "Padding": padding,
        "StrideH": stride[0],
        "StrideW": stride[1],
        "DilationHFactor": dilation[0],
        "DilationWFactor": dilation[1],
        "FusedActivationFunction": activation,
    }
    options |= {"DepthMultiplier": multiplier} if multiplier else {}
    builtin = "DEPTHWISE_CONV_2D" if multiplier else "CONV_2D"
    name = f"{builtin} {size} {depth}->{channels} {kernel} {stride} {dilation} {padding} {gain}"
    source = batch.input((1, *size, depth), q)
    output = batch.output(name, out_shape, wide(spread / 16000 / gain))
    bias = rng.integers(-(10**7), 10**7, channels).astype(np.int64)
    axis = 3 if multiplier else 0
    batch.weighted(builtin, source, values, axis, scales.tolist(), bias, output, options, q.scale)


def add_wide_fully_connected(
    batch: Batch,
    *,
    shape: tuple[int, ...] = (1, 24),
    depth: int | None = None,
    units: int = 7,
    per_channel: bool = False,
    bias: bool = True,
    activation: str = "NONE",
    gain: float = 1.0,
    ratio: float | None = None,
) -> None:
    """Adds a fully-connected layer; `ratio` sets the real multiplier instead of `gain`."""
    rng = batch.rng
    depth = math.prod(shape) if depth is None else depth
    values = rng.integers(-127, 128, (units, depth)).astype(np.int8)
    q = wide(0.0003)
    scales = rng.uniform(0.002, 0.03, units if per_channel else 1).astype(np.float32)
    spread = float(q.scale * scales.mean() * 73 * 18900 * np.sqrt(depth)) / 16000 / gain
    if ratio is not None:
        q, scales, spread = wide(1.0), np.ones_like(scales), 1 / ratio
    name = f"fully-connected {shape} x {units} {per_channel} {gain} {activation} {ratio}"
    source = batch.input(shape, q)
    output = batch.output(name, (math.prod(shape) // depth, units), wide(spread))
    offsets = rng.integers(-(10**7), 10**7, units).astype(np.int64) if bias else None
    options = {"FusedActivationFunction": activation}
    batch.weighted(
        "FULLY_CONNECTED", source, values, 0, scales.tolist(), offsets, output, options, q.scale
    )


def add_wide_elementwise(
    batch: Batch,
    builtin: str,
    *,
    shape: tuple[int, ...] = (1, 5, 4, 3),
    other: tuple[int, ...] | None = None,
    constant: bool = False,
    first: int = 0,
    qs: tuple[Q, Q, Q] = (wide(0.0011), wide(0.0017), wide(0.0021)),
    activation: str = "NONE",
    **options: object,
) -> None:
    """Adds an operation on two operands, of which the second may be constant or smaller."""
    other = shape if other is None else other
    source = batch.input(shape, qs[0])
    if constant:
        values = batch.rng.integers(-(2**15), 2**15, other).astype(np.int16)
        second = batch.constant(values, qs[1])
    else:
        second = batch.input(other, qs[1])
    result = tuple(np.broadcast_shapes(shape, other))
    name = f"{builtin} {shape} {other} {constant} {first} {activation} {qs}"
    output = batch.output(name, result, qs[2])
    if builtin in ("ADD", "SUB", "MUL"):
        options["FusedActivationFunction"] = activation
    operands = [second, source] if first else [source, second]
    batch.op(builtin, operands, output, options)
