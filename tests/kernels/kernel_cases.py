"""One-call makers of cases: each adds a layer of random weights to a batch."""

from __future__ import annotations

import numpy as np
from kernel_batch import Batch, Q, window_size


def add_convolution(
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
    zeros: tuple[int, int] = (-3, 5),
    per_channel: bool = True,
    bias: bool = True,
    activation: str = "NONE",
    gain: float = 1.0,
    weights: int | None = None,
    groups: int = 1,
) -> None:
    """Adds a convolution, depthwise where `multiplier` is not 0.

    `gain` 1 spreads the outputs over the whole range, more saturates them; `weights` sets all.
    """
    rng = batch.rng
    if multiplier:
        channels = depth * multiplier
    shape = (1, *kernel, channels) if multiplier else (channels, *kernel, depth // groups)
    values = rng.integers(-127, 128, shape).astype(np.int8)
    if weights is not None:
        values[...] = weights
    taps = kernel[0] * kernel[1] * (1 if multiplier else depth // groups)
    q = Q(0.04, zeros[0])
    scales = rng.uniform(0.002, 0.03, channels if per_channel else 1).astype(np.float32)
    spread = float(q.scale * scales.mean() * 73 * 74 * np.sqrt(taps))
    out_q = Q(float(np.float32(spread / 60 / gain)), zeros[1])
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
    if multiplier:
        options["DepthMultiplier"] = multiplier
    name = (
        f"{'depthwise' if multiplier else 'conv'} {size} {depth}->{channels} kernel {kernel} "
        f"stride {stride} dilation {dilation} {padding} {zeros} gain {gain} {activation} "
        f"groups {groups}"
    )
    source = batch.input((1, *size, depth), q)
    output = batch.output(name, out_shape, out_q)
    offsets = rng.integers(-20000, 20000, channels).astype(np.int32) if bias else None
    batch.weighted(
        "DEPTHWISE_CONV_2D" if multiplier else "CONV_2D",
        source,
        values,
        3 if multiplier else 0,
        scales.tolist(),
        offsets,
        output,
        options,
        q.scale,
    )


def add_both(batch: Batch, **arguments: object) -> None:
    add_convolution(batch, **arguments)  # type: ignore[arg-type]
    add_convolution(batch, multiplier=1, **arguments)  # type: ignore[arg-type]


def add_pool(
    batch: Batch,
    builtin: str,
    *,
    size: tuple[int, int] = (7, 6),
    channels: int = 3,
    kernel: tuple[int, int] = (2, 2),
    stride: tuple[int, int] = (2, 2),
    padding: str = "SAME",
    zero: int = 4,
    activation: str = "NONE",
) -> None:
    q = Q(0.05, zero)
    sizes = [window_size(n, k, s, 1, padding) for n, k, s in zip(size, kernel, stride, strict=True)]
    source = batch.input((1, *size, channels), q)
    name = f"{builtin} {size} {kernel} {stride} {padding} {zero} {activation}"
    output = batch.output(name, (1, *sizes, channels), q)
    options = {
        "Padding": padding,
        "StrideH": stride[0],
        "StrideW": stride[1],
        "FilterHeight": kernel[0],
        "FilterWidth": kernel[1],
        "FusedActivationFunction": activation,
    }
    batch.op(builtin, [source], output, options)


def add_fully_connected(
    batch: Batch,
    *,
    shape: tuple[int, ...] = (1, 24),
    depth: int | None = None,
    units: int = 7,
    zeros: tuple[int, int] = (-3, 5),
    per_channel: bool = False,
    bias: bool = True,
    activation: str = "NONE",
    gain: float = 1.0,
    weights: int | None = None,
    least: int = -128,
) -> None:
    """Adds a fully-connected layer of random weights from `least` on; `weights` sets all."""
    rng = batch.rng
    depth = int(np.prod(shape)) if depth is None else depth
    values = rng.integers(least, 128, (units, depth)).astype(np.int8)
    if weights is not None:
        values[...] = weights
    q = Q(0.03, zeros[0])
    scales = rng.uniform(0.002, 0.03, units if per_channel else 1).astype(np.float32)
    spread = float(q.scale * scales.mean() * 73 * 74 * np.sqrt(depth))
    out_q = Q(float(np.float32(spread / 60 / gain)), zeros[1])
    vectors = int(np.prod(shape)) // depth
    name = (
        f"fully-connected {shape} x {units} {zeros} {per_channel} gain {gain} {activation} "
        f"weights {least if weights is None else weights}"
    )
    source = batch.input(shape, q)
    kept = len(shape) > 2 and shape[-1] == depth
    output = batch.output(name, (*shape[:-1], units) if kept else (vectors, units), out_q)
    offsets = rng.integers(-20000, 20000, units).astype(np.int32) if bias else None
    options = {"FusedActivationFunction": activation, "KeepNumDims": kept}
    batch.weighted(
        "FULLY_CONNECTED", source, values, 0, scales.tolist(), offsets, output, options, q.scale
    )


def add_transposed(
    batch: Batch,
    *,
    size: tuple[int, int] = (4, 3),
    depth: int = 3,
    channels: int = 5,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (2, 2),
    padding: str = "SAME",
    zeros: tuple[int, int] = (-3, 5),
    per_channel: bool = True,
    bias: bool = True,
    extra: tuple[int, int] = (0, 0),
    gain: float = 1.0,
) -> None:
    """Adds a transposed convolution; `extra` rows and columns make its output larger (or smaller).

    Several sizes of the output have the same size of the input.
    """
    rng = batch.rng
    values = rng.integers(-127, 128, (channels, *kernel, depth)).astype(np.int8)
    q = Q(0.04, zeros[0])
    scales = rng.uniform(0.002, 0.03, channels if per_channel else 1).astype(np.float32)
    spread = float(q.scale * scales.mean() * 73 * 74 * np.sqrt(values[0].size / 4))
    overhang = (0, 0) if padding == "SAME" else (kernel[0] - stride[0], kernel[1] - stride[1])
    out_size = [n * s + o + e for n, s, o, e in zip(size, stride, overhang, extra, strict=True)]
    shape = (1, *out_size, channels)
    name = f"transposed {size} -> {shape} kernel {kernel} stride {stride} {padding} {zeros} {bias}"
    output = batch.output(name, shape, Q(float(np.float32(spread / 60 / gain)), zeros[1]))
    source = batch.input((1, *size, depth), q)
    offsets = rng.integers(-20000, 20000, channels).astype(np.int32) if bias else None
    options = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    batch.weighted(
        "TRANSPOSE_CONV", source, values, 0, scales.tolist(), offsets, output, options, q.scale,
        shape=shape,
    )  # fmt: skip


def add_elementwise(
    batch: Batch,
    builtin: str,
    *,
    shape: tuple[int, ...] = (1, 5, 4, 3),
    other: tuple[int, ...] | None = None,
    constant: bool = False,
    first: int = 0,
    qs: tuple[Q, Q, Q] = (Q(0.05, 3), Q(0.07, -9), Q(0.08, 1)),
    activation: str = "NONE",
) -> None:
    """Adds an op of two operands; the operand of shape `other` comes first if `first` is 1."""
    other = shape if other is None else other
    if builtin in ("MAXIMUM", "MINIMUM"):
        qs = (qs[0],) * 3
    one = batch.input(shape, qs[0])
    if constant:
        values = batch.rng.integers(-128, 128, other).astype(np.int8)
        two = batch.constant(values, qs[1])
    else:
        two = batch.input(other, qs[1])
    name = f"{builtin} {shape} {other} constant {constant} {first} {qs} {activation}"
    output = batch.output(name, np.broadcast_shapes(shape, other)[-len(shape) :], qs[2])
    options = {"FusedActivationFunction": activation} if builtin in ("ADD", "SUB", "MUL") else {}
    batch.op(builtin, [two, one] if first else [one, two], output, options)


def add_chain(
    batch: Batch,
    *,
    depthwise: bool,
    size: tuple[int, int] = (9, 8),
    depth: int = 3,
    channels: int = 5,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    pads: tuple[int, int, int, int] | None = None,
    clamp: tuple[bool, bool] = (False, False),
    pool: tuple[tuple[int, int], tuple[int, int], str, str] | None = None,
) -> None:
    """PAD, a convolution, MAXIMUM, MINIMUM, MAX_POOL_2D: each of them if asked for.

    `pads` is (top, left, bottom, right), `pool` (kernel, stride, padding, activation).
    """
    rng = batch.rng
    channels = depth if depthwise else channels
    q, out_q = Q(0.04, int(rng.integers(-20, 20))), Q(0.9, int(rng.integers(-40, 40)))
    name = (
        f"depthwise {depthwise} {size} {kernel} {stride} {padding} pads {pads} clamp {clamp} {pool}"
    )
    tensor = batch.input((1, *size, depth), q)
    sizes = list(size)
    if pads:
        top, left, bottom, right = pads
        sizes = [sizes[0] + top + bottom, sizes[1] + left + right]
        padded = batch.tensor((1, *sizes, depth), q)
        amounts = batch.numbers([(0, 0), (top, bottom), (left, right), (0, 0)])
        batch.op("PAD", [tensor, amounts], padded, {})
        tensor = padded
    sizes = [
        window_size(n, k, s, 1, padding) for n, k, s in zip(sizes, kernel, stride, strict=True)
    ]
    stages = [int(clamp[0]), int(clamp[1]), int(pool is not None)]
    weights = rng.integers(
        -127, 128, (1, *kernel, channels) if depthwise else (channels, *kernel, depth)
    ).astype(np.int8)
    bias = rng.integers(-9000, 9000, channels).astype(np.int32)
    shape = (1, *sizes, channels)
    output = batch.tensor(shape, out_q) if any(stages) else batch.output(name, shape, out_q)
    options: dict[str, object] = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    if depthwise:
        options["DepthMultiplier"] = 1
    batch.weighted(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        tensor,
        weights,
        3 if depthwise else 0,
        rng.uniform(0.002, 0.03, channels).tolist(),
        bias,
        output,
        options,
        q.scale,
    )
    tensor = output
    for stage, builtin in enumerate(("MAXIMUM", "MINIMUM")):
        if not clamp[stage]:
            continue
        bounds = (
            rng.integers(-128, 30, channels) if stage == 0 else rng.integers(-30, 128, channels)
        )
        last = not any(stages[stage + 1 :])
        output = batch.output(name, shape, out_q) if last else batch.tensor(shape, out_q)
        batch.op(builtin, [tensor, batch.constant(bounds.astype(np.int8), out_q)], output)
        tensor = output
    if pool:
        pool_kernel, pool_stride, pool_padding, activation = pool
        pooled = [
            window_size(n, k, s, 1, pool_padding)
            for n, k, s in zip(sizes, pool_kernel, pool_stride, strict=True)
        ]
        options = {
            "Padding": pool_padding,
            "StrideH": pool_stride[0],
            "StrideW": pool_stride[1],
            "FilterHeight": pool_kernel[0],
            "FilterWidth": pool_kernel[1],
            "FusedActivationFunction": activation,
        }
        batch.op(
            "MAX_POOL_2D", [tensor], batch.output(name, (1, *pooled, channels), out_q), options
        )
