"""Random layers with weights, and those that look at windows and edges of images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from builders import Handle
from graph_maker import GraphMaker, Layer, Shape, fits
from numpy.typing import NDArray


def convolution(m: GraphMaker, x: Handle) -> Handle:
    kernel, dilation = m.window(), m.pick(((1, 1), (2, 2), (2, 1), (1, 3)))
    return m.builder.conv(
        x, m.number(1, 9), kernel, stride=m.stride(), dilation=dilation,
        padding=_padding(m, x, kernel, dilation), activation=m.activation(),
        per_channel=m.flag(), zero_point=m.zero(),
    )  # fmt: skip


def depthwise(m: GraphMaker, x: Handle) -> Handle:
    kernel, dilation = m.window(), m.pick(((1, 1), (2, 2), (1, 2), (3, 2)))
    return m.builder.depthwise(
        x, m.number(1, 2), kernel, stride=m.stride(), dilation=dilation,
        padding=_padding(m, x, kernel, dilation), activation=m.activation(),
        bias=m.flag(), per_channel=m.flag(), zero_point=m.zero(),
    )  # fmt: skip


def expanded(m: GraphMaker, x: Handle) -> Handle:
    wide = m.builder.conv(
        x, 4 * m.number(1, 4), (1, 1), activation=m.activation(), zero_point=m.zero()
    )
    kernel = m.window()
    return m.builder.depthwise(
        wide, 1, kernel, stride=m.stride(), padding=_padding(m, wide, kernel),
        activation=m.activation(), zero_point=m.zero(),
    )  # fmt: skip


def grouped(m: GraphMaker, x: Handle) -> Handle | None:
    depth = x.shape[3]
    groups = m.pick([n for n in range(1, depth + 1) if depth % n == 0])
    kernel, channels = m.pair(1, 3), groups * m.number(1, 5)
    weights = m.builder.rng.integers(-127, 128, (channels, *kernel, depth // groups))
    shape = (*x.shape[:3], channels)
    options = {"Padding": "SAME", "StrideH": 1, "StrideW": 1}
    options |= {"DilationHFactor": 1, "DilationWFactor": 1}
    options |= {"FusedActivationFunction": m.activation()}
    return _weighted(m, "CONV_2D", [x], weights, shape, options) if fits(shape) else None


def transposed(m: GraphMaker, x: Handle) -> Handle | None:
    kernel, stride, channels = m.window(), m.stride(), m.number(1, 6)
    padding = m.pick(("SAME", "VALID"))
    sizes = [n * s - m.number(0, s - 1) for n, s in zip(x.shape[1:3], stride, strict=True)]
    if padding == "VALID":
        sizes = [n + k - 1 for n, k in zip(sizes, kernel, strict=True)]
    shape = (1, *sizes, channels)
    weights = m.builder.rng.integers(-127, 128, (channels, *kernel, x.shape[3]))
    options = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    options |= {"FusedActivationFunction": m.activation()}
    inputs = [m.numbers(shape), -1, x]
    if not fits(shape):
        return None
    return _weighted(m, "TRANSPOSE_CONV", inputs, weights, shape, options, bias=m.flag())


def fully_connected(m: GraphMaker, x: Handle) -> Handle:
    keep = m.flag()
    return m.builder.fully_connected(
        x, m.number(1, 12), depth=x.shape[-1] if keep else None, keep_num_dims=keep,
        bias=m.flag(), per_channel=m.flag(), activation=m.activation(), zero_point=m.zero(),
    )  # fmt: skip


def _weighted(
    m: GraphMaker,
    builtin: str,
    inputs: list[Any],
    weights: NDArray[Any],
    shape: Shape,
    options: dict[str, Any],
    *,
    bias: bool = True,
) -> Handle:
    """A convolution of weights [channels, ...]; they take the place of -1, or come second."""
    (x,) = (one for one in inputs if isinstance(one, Handle))
    scales = m.builder.rng.uniform(0.002, 0.02, len(weights) if m.flag() else 1).astype(np.float32)
    writer, data = m.builder.writer, weights.astype(np.int8)
    tensor = writer.add_tensor("w", data.shape, "int8", scales=scales, data=data)
    ids = [tensor if one == -1 else one for one in inputs]
    ids = ids if tensor in ids else [*ids, tensor]
    if bias:
        dtype = "int64" if m.builder.dtype == "int16" else "int32"
        values = m.builder.rng.integers(-9999, 9999, len(weights)).astype(dtype)
        bias_scales = scales * np.float32(x.scale)
        ids.append(writer.add_tensor("b", values.shape, dtype, scales=bias_scales, data=values))
    scale = float(x.scale * scales.mean() * 70 * 70 * math.sqrt(weights[0].size) / 40)
    output = m.builder.activation(shape, scale, m.zero())
    ids = [one.id if isinstance(one, Handle) else one for one in ids]
    writer.add_op(builtin, ids, [output.id], options)
    return output


def _padding(
    m: GraphMaker, x: Handle, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> str:
    sizes = zip(kernel, dilation, x.shape[1:3], strict=True)
    return m.pick(("SAME", "VALID")) if all((k - 1) * d < n for k, d, n in sizes) else "SAME"


# Windows and edges of images.


def pool(m: GraphMaker, x: Handle) -> Handle:
    kernel = m.window()
    return m.builder.pool(
        m.pick(("MAX_POOL_2D", "AVERAGE_POOL_2D")), x, kernel, stride=m.stride(),
        padding=_padding(m, x, kernel), activation=m.activation(),
    )  # fmt: skip


def pad(m: GraphMaker, x: Handle) -> Handle | None:
    rank = len(x.shape)
    amounts = [(0, 0) if rank == 4 and d == 0 else m.pair(0, 2) for d in range(rank)]
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, amounts, strict=True))
    if not fits(shape):
        return None
    if m.flag():
        value = m.builder.constant(
            np.array([m.number(-128, 127)], m.builder.dtype), x.scale, x.zero_point
        )
        return m.op("PADV2", [x, m.numbers(amounts), value], shape, x)
    return m.op("PAD", [x, m.numbers(amounts)], shape, x)


def mirror_pad(m: GraphMaker, x: Handle) -> Handle | None:
    mode = m.pick(("REFLECT", "SYMMETRIC"))
    most = [n - (mode == "REFLECT") for n in x.shape]
    amounts = [(0, 0), *(m.pair(0, min(n, 3)) for n in most[1:])]
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, amounts, strict=True))
    if not fits(shape) or len(shape) not in (2, 3, 4):
        return None
    return m.op("MIRROR_PAD", [x, m.numbers(amounts)], shape, x, Mode=mode)


def resize(m: GraphMaker, x: Handle) -> Handle | None:
    builtin = m.pick(("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"))
    size = m.pair(1, 14) if m.flag() else (x.shape[1] * 2, x.shape[2] * 2)
    shape = (1, *size, x.shape[3])
    options = m.pick(({}, {"AlignCorners": True}, {"HalfPixelCenters": True}))
    return m.op(builtin, [x, m.numbers(size)], shape, x, **options) if fits(shape) else None


def blocks(m: GraphMaker, x: Handle) -> Handle | None:
    """DEPTH_TO_SPACE or SPACE_TO_DEPTH, behind what makes the sizes fit."""
    block = m.number(2, 3)
    if m.flag():
        y = m.builder.conv(x, block**2 * m.number(1, 2), (1, 1))
        _, height, width, channels = y.shape
        shape: Shape = (1, height * block, width * block, channels // block**2)
        return m.op("DEPTH_TO_SPACE", [y], shape, y, BlockSize=block) if fits(shape) else None
    missing = [-n % block for n in x.shape[1:3]]
    y = m.builder.pad(x, (0, 0, *missing)) if any(missing) else x
    _, height, width, channels = y.shape
    shape = (1, height // block, width // block, channels * block**2)
    return m.op("SPACE_TO_DEPTH", [y], shape, y, BlockSize=block) if fits(shape) else None


ANY_RANK: tuple[Layer, ...] = (fully_connected, pad, mirror_pad)
IMAGES: tuple[Layer, ...] = (
    *(convolution, depthwise, expanded, grouped, transposed, pool, resize, blocks),
    *(convolution, depthwise, pool),  # twice as often
)
