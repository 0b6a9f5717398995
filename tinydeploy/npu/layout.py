"""How tensors and weights lie in the machine's memory.

A feature map lies in blocks of 16 channels, [blocks, height, width, 16]: one row of 16 bytes per
pixel and block, which is what the units take in a cycle. Lanes behind the last channel hold 0.

Weights of a convolution lie in tiles of 16 results by 16 channels,
[result blocks, kernel h, kernel w, channel blocks, 16 results, 16 channels]; those of the stem,
whose channels are few, [result blocks, kernel h, kernel w, channels, 16 results]; those of a
depthwise convolution [blocks, kernel h, kernel w, 16]. Lanes behind the last channel count for
nothing.

A normalization table has 12 bytes per channel: scale and offset as binary32, the least and the
greatest result as int8, and two zeros. The table of an ADD is one record of 16 bytes: two scales,
the offset, least, greatest, two zeros. All numbers are little-endian.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.npu.isa import LANES

Int8 = NDArray[np.int8]

LARGEST: Final = 2.0**64
"""Of a scale or an offset: no product with a sum, below 2^31, leaves float32 then."""

NORM: Final = np.dtype(
    [("scale", "<f4"), ("offset", "<f4"), ("low", "i1"), ("high", "i1"), ("zeros", "<u2")]
)
"""A record of a normalization table."""

SUM: Final = np.dtype(
    [("scales", "<f4", 2), ("offset", "<f4"), ("low", "i1"), ("high", "i1"), ("zeros", "<u2")]
)
"""The record of an ADD."""


def count_blocks(channels: int) -> int:
    """Blocks that hold so many channels."""
    return -(-channels // LANES)


def feature_bytes(height: int, width: int, channels: int) -> int:
    """Bytes of a feature map in blocks."""
    return count_blocks(channels) * height * width * LANES


def align(size: int) -> int:
    """The size rounded up to where something else may begin."""
    return -(-size // LANES) * LANES


def to_blocks(values: NDArray[Any]) -> NDArray[Any]:
    """[..., C] to [blocks, ..., 16], zeros behind the last channel."""
    *rows, channels = values.shape
    blocks = np.zeros((count_blocks(channels) * LANES, *rows), values.dtype)
    blocks[:channels] = np.moveaxis(values, -1, 0)
    return np.ascontiguousarray(np.moveaxis(blocks.reshape(-1, LANES, *rows), 1, -1))


def from_blocks(blocks: NDArray[Any], channels: int) -> NDArray[Any]:
    """[blocks, ..., 16] to [..., C]."""
    count, *rows, lanes = blocks.shape
    return np.moveaxis(blocks, 0, -2).reshape(*rows, count * lanes)[..., :channels]


def pack_conv_weights(weights: Int8) -> bytes:
    """[results, kernel h, kernel w, channels] as CONV reads them."""
    results, kernel_h, kernel_w, channels = weights.shape
    rows, columns = count_blocks(results), count_blocks(channels)
    whole = np.zeros((rows * LANES, kernel_h, kernel_w, columns * LANES), np.int8)
    whole[:results, :, :, :channels] = weights
    tiles = whole.reshape(rows, LANES, kernel_h, kernel_w, columns, LANES)
    return tiles.transpose(0, 2, 3, 4, 1, 5).tobytes()


def unpack_conv_weights(data: bytes, results: int, kernel: tuple[int, int], channels: int) -> Int8:
    """What CONV reads as [results, kernel h, kernel w, channels]."""
    rows, columns = count_blocks(results), count_blocks(channels)
    tiles = np.frombuffer(data, np.int8).reshape(rows, *kernel, columns, LANES, LANES)
    whole = tiles.transpose(0, 4, 1, 2, 3, 5).reshape(rows * LANES, *kernel, columns * LANES)
    return whole[:results, :, :, :channels]


def pack_stem_weights(weights: Int8) -> bytes:
    """[results, kernel h, kernel w, channels] as STEM reads them."""
    return to_blocks(np.moveaxis(weights, 0, -1)).tobytes()


def unpack_stem_weights(data: bytes, results: int, kernel: tuple[int, int], channels: int) -> Int8:
    """What STEM reads as [results, kernel h, kernel w, channels]."""
    blocks = np.frombuffer(data, np.int8).reshape(count_blocks(results), *kernel, channels, LANES)
    return np.moveaxis(from_blocks(blocks, results), -1, 0)


def pack_depthwise_weights(weights: Int8) -> bytes:
    """[kernel h, kernel w, channels] as DWCONV reads them."""
    return to_blocks(weights).tobytes()
