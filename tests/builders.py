"""Models with one operator, in one call.

    model = conv_model((8, 8, 4), channels=6, kernel=(3, 3), stride=(2, 2))

Several operators: `ModelBuilder`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from model_builder import Handle, ModelBuilder, Pair, Shape
from numpy.typing import NDArray

from tinydeploy.graph.read import read_graph


def conv_model(
    shape: Sequence[int], channels: int, kernel: Pair = (3, 3), *, seed: int = 0, **options
) -> bytes:
    """CONV_2D over an input of `shape` (h, w, c); options as of `ModelBuilder.conv`."""
    b = ModelBuilder(seed)
    return b.finish([b.conv(b.input(shape), channels, kernel, **options)])


def depthwise_model(
    shape: Sequence[int], multiplier: int = 1, kernel: Pair = (3, 3), *, seed: int = 0, **options
) -> bytes:
    """DEPTHWISE_CONV_2D; options as of `ModelBuilder.depthwise`."""
    b = ModelBuilder(seed)
    return b.finish([b.depthwise(b.input(shape), multiplier, kernel, **options)])


def fc_model(shape: Sequence[int], channels: int, *, seed: int = 0, **options) -> bytes:
    """FULLY_CONNECTED; options as of `ModelBuilder.fully_connected`."""
    b = ModelBuilder(seed)
    return b.finish([b.fully_connected(b.input(shape), channels, **options)])


def pool_model(
    builtin: str, shape: Sequence[int], kernel: Pair = (2, 2), *, seed: int = 0, **options
) -> bytes:
    """MAX_POOL_2D or AVERAGE_POOL_2D; options as of `ModelBuilder.pool`."""
    b = ModelBuilder(seed)
    return b.finish([b.pool(builtin, b.input(shape), kernel, **options)])


def binary_model(
    builtin: str,
    shape: Sequence[int],
    other: Sequence[int] | None = None,
    *,
    constant: Sequence[int] | None = None,
    seed: int = 0,
    **options,
) -> bytes:
    """ADD, SUB, MUL, MAXIMUM or MINIMUM of an input and a second one, or a constant.

    Args:
        builtin: The operator.
        shape: Of the first input, without the batch.
        other: Of the second input; the first's by default.
        constant: Of a constant in place of the second input, batch included.
        seed: Of the constant.
        options: As of `ModelBuilder.binary`.
    """
    b = ModelBuilder(seed)
    x = b.input(shape)
    if constant is not None:
        return b.finish(
            [b.binary(builtin, x, b.rng.integers(-128, 128, constant).astype(np.int8), **options)]
        )
    alike = builtin in ("MAXIMUM", "MINIMUM")
    y = b.input(
        shape if other is None else other, *((x.scale, x.zero_point) if alike else (0.031, 17))
    )
    return b.finish([b.binary(builtin, x, y, **options)])


def add_model(shape: Sequence[int], other: Sequence[int] | None = None, **options) -> bytes:
    """ADD; see `binary_model`."""
    return binary_model("ADD", shape, other, **options)


def mean_model(shape: Sequence[int], *, seed: int = 0, **options) -> bytes:
    """MEAN; options as of `ModelBuilder.mean`."""
    b = ModelBuilder(seed)
    return b.finish([b.mean(b.input(shape), **options)])


def pad_model(
    shape: Sequence[int], padding: tuple[int, int, int, int], *, seed: int = 0, **options
) -> bytes:
    """PAD or PADV2; options as of `ModelBuilder.pad`."""
    b = ModelBuilder(seed)
    return b.finish([b.pad(b.input(shape), padding, **options)])


def reshape_model(shape: Sequence[int], new_shape: Sequence[int], *, seed: int = 0) -> bytes:
    """RESHAPE."""
    b = ModelBuilder(seed)
    return b.finish([b.reshape(b.input(shape), new_shape)])


def softmax_model(
    shape: Sequence[int],
    *,
    scale: float = 0.1,
    zero_point: int = 5,
    beta: float = 1.0,
    seed: int = 0,
) -> bytes:
    """SOFTMAX over the last dimension of an input with this scale and zero point."""
    b = ModelBuilder(seed)
    return b.finish([b.softmax(b.input(shape, scale, zero_point), beta)])


def lookup_model(
    builtin: str,
    shape: Sequence[int] = (16, 16, 1),
    *,
    input_scale: float = 0.05,
    input_zero_point: int = -3,
    seed: int = 0,
    **options,
) -> bytes:
    """A function of one int8; options as of `ModelBuilder.lookup`."""
    b = ModelBuilder(seed)
    return b.finish([b.lookup(builtin, b.input(shape, input_scale, input_zero_point), **options)])


def concatenation_model(shapes: Sequence[Sequence[int]], axis: int = 3, *, seed: int = 0) -> bytes:
    """CONCATENATION of one input per shape."""
    b = ModelBuilder(seed)
    return b.finish([b.concatenation([b.input(shape) for shape in shapes], axis)])


def random_inputs(model: bytes, count: int = 4, seed: int = 0) -> list[NDArray[np.int8]]:
    """Uniform int8 inputs for a model: one array [count, *shape] per input."""
    rng = np.random.default_rng(seed)
    graph = read_graph(model)
    return [
        rng.integers(-128, 128, (count, *graph.tensors[tensor].shape)).astype(np.int8)
        for tensor in graph.inputs
    ]


__all__ = ["Handle", "ModelBuilder", "Pair", "Shape"]
