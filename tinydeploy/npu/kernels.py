"""What the instructions compute, in numpy: exact, whatever the order of the sums.

Products and sums of integers are taken in float32 where none can pass 2^24, else in float64, where
none can pass 2^53: both are exact. Accumulators of the machine are int32, and none can overflow:
memory holds at most 63,488 weights of one result, each product is at most 255 * 128.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.npu.effects import (
    Size,
    read_constants,
    read_table,
    result_size,
    source_size,
    weight_bytes,
    window_size,
)
from tinydeploy.npu.isa import LANES, Instruction
from tinydeploy.npu.layout import (
    count_blocks,
    feature_bytes,
    from_blocks,
    to_blocks,
    unpack_conv_weights,
    unpack_stem_weights,
)
from tinydeploy.npu.program import Program

Memory = NDArray[np.int8]
Image = NDArray[np.int8]
Kernel = Callable[[Memory, Image], None]
"""Does an instruction's work in the machine's memory, with the image's bytes at hand."""

_EXACT: Final = 1 << 24


class Affine:
    """Normalization: float32 affine by channel, rounded to nearest even, saturated."""

    def __init__(self, table: NDArray[Any], blocks: bool) -> None:
        shape = (-1, 1, 1, LANES) if blocks else (-1,)
        self._scale, self._offset, self._low, self._high = (
            (to_blocks(table[name]) if blocks else table[name]).reshape(shape).astype(np.float32)
            for name in ("scale", "offset", "low", "high")
        )

    def __call__(self, sums: NDArray[np.float32]) -> NDArray[np.int8]:
        """The normalized sums."""
        scaled = sums * self._scale
        scaled += self._offset
        return bound(scaled, self._low, self._high)


def bound(values: NDArray[np.float32], low: Any, high: Any) -> NDArray[np.int8]:
    """Rounded to nearest even, and bounded."""
    return np.clip(np.rint(values, out=values), low, high, out=values).astype(np.int8)


def make_kernel(instruction: Instruction, program: Program) -> Kernel | None:
    """The work of an instruction that keeps the rules; None for control."""
    return _MAKERS[instruction.name](instruction, program) if instruction.name in _MAKERS else None


def _read(memory: Memory, address: int, size: Size) -> NDArray[np.int8]:
    """A feature map, [blocks, h, w, 16]."""
    blocks = memory[address : address + feature_bytes(*size)]
    return blocks.reshape(-1, size.height, size.width, LANES)


def _write(memory: Memory, address: int, values: NDArray[np.int8]) -> None:
    memory[address : address + values.size] = values.ravel()


def _make_pack(instruction: Instruction, program: Program) -> Kernel:
    del program
    size, dst = source_size(instruction), instruction["dst"]
    return lambda memory, image: _write(memory, dst, to_blocks(image.reshape(size)))


def _make_unpack(instruction: Instruction, program: Program) -> Kernel:
    del program
    size, src, dst = source_size(instruction), instruction["src"], instruction["dst"]
    return lambda memory, image: _write(
        memory, dst, from_blocks(_read(memory, src, size), size.channels)
    )


def _make_norm(instruction: Instruction, program: Program) -> Kernel:
    size, src, dst = source_size(instruction), instruction["src"], instruction["dst"]
    affine = Affine(read_table(instruction, program), blocks=True)
    return lambda memory, image: _write(
        memory, dst, affine(_read(memory, src, size).astype(np.float32))
    )


def _make_add(instruction: Instruction, program: Program) -> Kernel:
    size, dst = source_size(instruction), instruction["dst"]
    src, other = instruction["src"], instruction["other"]
    (record,) = read_table(instruction, program)
    scales = record["scales"]
    bounds = np.float32(record["low"]), np.float32(record["high"])
    used = to_blocks(np.ones(size.channels, np.int8)).reshape(-1, 1, 1, LANES)

    def kernel(memory: Memory, image: Image) -> None:
        total = _read(memory, src, size) * scales[0]
        total += _read(memory, other, size) * scales[1]
        total += record["offset"]
        _write(memory, dst, bound(total, *bounds) * used)

    return kernel


def _make_maxpool(instruction: Instruction, program: Program) -> Kernel:
    del program
    size, made = source_size(instruction), window_size(instruction)
    src, dst = instruction["src"], instruction["dst"]
    windows = _Windows(instruction, made)

    def kernel(memory: Memory, image: Image) -> None:
        padded = windows.pad(_read(memory, src, size), -128)
        _write(memory, dst, np.maximum.reduce([padded[place] for place in windows.places]))

    return kernel


def _make_mean(instruction: Instruction, program: Program) -> Kernel:
    size, src, dst = source_size(instruction), instruction["src"], instruction["dst"]
    (record,) = read_table(instruction, program)
    affine = Affine(np.repeat(record, size.channels), blocks=True)

    def kernel(memory: Memory, image: Image) -> None:
        sums = _read(memory, src, size).sum(axis=(1, 2), keepdims=True, dtype=np.int32)
        _write(memory, dst, affine(sums.astype(np.float32)))

    return kernel


class _Windows:
    """Where the taps of an instruction's windows lie in [blocks, rows, columns, lanes]."""

    def __init__(self, instruction: Instruction, made: Size) -> None:
        edges = [
            (instruction[a], instruction[b]) for a, b in (("top", "bottom"), ("left", "right"))
        ]
        self._edges = ((0, 0), *edges, (0, 0))
        self._padded = any(map(any, edges))
        strides = instruction["stride_h"], instruction["stride_w"]
        self.taps = [
            (y, x) for y in range(instruction["kernel_h"]) for x in range(instruction["kernel_w"])
        ]
        self.places = [
            (
                slice(None),
                *(
                    slice(t, t + s * (n - 1) + 1, s)
                    for t, s, n in zip(tap, strides, made[:2], strict=True)
                ),
            )
            for tap in self.taps
        ]

    def pad(self, values: NDArray[Any], value: int) -> NDArray[Any]:
        """The source with its padding round it."""
        if not self._padded:
            return values
        (_, _), (top, bottom), (left, right), (_, _) = self._edges
        blocks, height, width, lanes = values.shape
        shape = (blocks, height + top + bottom, width + left + right, lanes)
        padded = np.full(shape, value, values.dtype)
        padded[:, top : top + height, left : left + width] = values
        return padded


def _make_depthwise(instruction: Instruction, program: Program) -> Kernel:
    size, made = source_size(instruction), window_size(instruction)
    src, dst, zero = instruction["src"], instruction["dst"], instruction["zero"]
    data = read_constants(program, instruction["weights"], weight_bytes(instruction), "the weights")
    shape = (count_blocks(size.channels), -1, 1, 1, LANES)
    weights = np.frombuffer(data, np.int8).reshape(shape).astype(np.float32)
    affine = Affine(read_table(instruction, program), blocks=True)
    windows = _Windows(instruction, made)
    pairs = list(enumerate(windows.places))

    def kernel(memory: Memory, image: Image) -> None:
        # |sum| <= 225 taps * 255 * 128 < 2^24
        source = _read(memory, src, size).astype(np.float32)
        source -= zero
        padded = windows.pad(source, 0)
        sums = padded[windows.places[0]] * weights[:, 0]
        for tap, place in pairs[1:]:
            sums += padded[place] * weights[:, tap]
        _write(memory, dst, affine(sums))

    return kernel


def _convolve(
    instruction: Instruction, program: Program, weights: NDArray[np.int8]
) -> Callable[[NDArray[np.int8]], NDArray[np.int8]]:
    """The convolution of [h, w, c], normalized: [h, w, results]."""
    made = window_size(instruction)
    affine = Affine(read_table(instruction, program), blocks=False)
    windows, zero = _Windows(instruction, made), instruction["zero"]
    largest = int(np.abs(weights.astype(np.int64)).sum(axis=(1, 2, 3)).max()) * 255
    exact: type[Any] = np.float32 if largest < _EXACT else np.float64
    taps = [np.ascontiguousarray(weights[:, y, x].T.astype(exact)) for y, x in windows.taps]

    def kernel(values: NDArray[np.int8]) -> NDArray[np.int8]:
        source = values[np.newaxis].astype(exact)
        source -= zero
        padded = windows.pad(source, 0)
        depth = source.shape[-1]
        sums = np.zeros((made.pixels, made.channels), exact)
        for place, matrix in zip(windows.places, taps, strict=True):
            sums += padded[place].reshape(-1, depth) @ matrix
        return affine(sums.astype(np.float32, copy=False)).reshape(made)

    return kernel


def _make_conv(instruction: Instruction, program: Program) -> Kernel:
    size, src, dst = source_size(instruction), instruction["src"], instruction["dst"]
    data = read_constants(program, instruction["weights"], weight_bytes(instruction), "the weights")
    kernel_size = instruction["kernel_h"], instruction["kernel_w"]
    weights = unpack_conv_weights(data, instruction["outputs"], kernel_size, size.channels)
    convolve = _convolve(instruction, program, weights)

    def kernel(memory: Memory, image: Image) -> None:
        values = from_blocks(_read(memory, src, size), size.channels)
        _write(memory, dst, to_blocks(convolve(values)))

    return kernel


def _make_stem(instruction: Instruction, program: Program) -> Kernel:
    size, made, dst = source_size(instruction), result_size(instruction), instruction["dst"]
    data = read_constants(program, instruction["weights"], weight_bytes(instruction), "the weights")
    kernel_size = instruction["kernel_h"], instruction["kernel_w"]
    weights = unpack_stem_weights(data, instruction["outputs"], kernel_size, size.channels)
    convolve, pool = _convolve(instruction, program, weights), instruction["pool"]

    def kernel(memory: Memory, image: Image) -> None:
        values = convolve(image.reshape(size))
        values = values[: made.height * pool, : made.width * pool]
        pooled = values.reshape(made.height, pool, made.width, pool, -1).max(axis=(1, 3))
        _write(memory, dst, to_blocks(pooled))

    return kernel


_MAKERS: Final[dict[str, Callable[[Instruction, Program], Kernel]]] = {
    "PACK": _make_pack,
    "UNPACK": _make_unpack,
    "NORM": _make_norm,
    "ADD": _make_add,
    "MAXPOOL": _make_maxpool,
    "MEAN": _make_mean,
    "STEM": _make_stem,
    "CONV": _make_conv,
    "DWCONV": _make_depthwise,
}
