"""Cases of int16: transposed convolutions, bilinear resizing, products of matrices."""

from __future__ import annotations

import math

import numpy as np
from kernel_batch import Batch
from wide_cases import wide


def add_wide_transposed(
    batch: Batch,
    *,
    size: tuple[int, int] = (3, 4),
    depth: int = 3,
    channels: int = 5,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (2, 2),
    padding: str = "SAME",
    per_channel: bool = True,
    activation: str = "NONE",
) -> None:
    """Adds a transposed convolution."""
    rng, q = batch.rng, wide(0.0004)
    values = rng.integers(-127, 128, (channels, *kernel, depth)).astype(np.int8)
    scales = rng.uniform(0.002, 0.03, channels if per_channel else 1).astype(np.float32)
    spread = float(q.scale * scales.mean() * 73 * 18900 * math.sqrt(math.prod(kernel) * depth))
    sizes = [
        n * s if padding == "SAME" else (n - 1) * s + k
        for n, s, k in zip(size, stride, kernel, strict=True)
    ]
    shape = (1, *sizes, channels)
    options = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    options |= {"FusedActivationFunction": activation}
    source = batch.input((1, *size, depth), q)
    name = f"transposed {size} {depth}->{channels} {kernel} {stride} {padding} {activation}"
    output = batch.output(name, shape, wide(spread / 16000))
    bias = rng.integers(-(10**7), 10**7, channels).astype(np.int64)
    batch.weighted(
        "TRANSPOSE_CONV", source, values, 0, scales.tolist(), bias, output, options, q.scale,
        shape=shape,
    )  # fmt: skip


def add_wide_resized(
    batch: Batch, size: tuple[int, int] = (7, 5), *, corners: bool = False, half: bool = False
) -> None:
    """Adds a bilinear resizing of 3x4 pixels."""
    q = wide(0.001)
    source = batch.input((1, 3, 4, 5), q)
    output = batch.output(f"resized {size} {corners} {half}", (1, *size, 5), q)
    options = {"AlignCorners": corners, "HalfPixelCenters": half}
    batch.op("RESIZE_BILINEAR", [source, batch.numbers(size)], output, options)


def add_wide_matmul(
    batch: Batch,
    a: tuple[int, ...] = (1, 3, 4),
    b: tuple[int, ...] = (1, 4, 5),
    *,
    turned: tuple[bool, bool] = (False, False),
    constant: bool = False,
    gain: float = 1.0,
) -> None:
    """Adds products of matrices, `a` and `b` being their shapes before they are turned."""
    shape, depth = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1]), a[-1]
    a, b = ((*s[:-2], s[-1], s[-2]) if turn else s for s, turn in zip((a, b), turned, strict=True))
    qs = wide(0.0011), wide(0.0013)
    ids = [batch.input(a, qs[0])]
    if constant:
        values = batch.rng.integers(-(2**15), 2**15, b).astype(np.int16)
        ids.append(batch.constant(values, qs[1]))
    else:
        ids.append(batch.input(b, qs[1]))
    scale = qs[0].scale * qs[1].scale * 18900**2 * math.sqrt(depth) / 16000 / gain
    output = batch.output(f"{a} {b} {turned} {constant} {gain}", shape, wide(scale))
    batch.op("BATCH_MATMUL", ids, output, {"AdjX": turned[0], "AdjY": turned[1]})
