"""Damages real models: bits flipped, words swapped, overwritten, moved, files cut short.

Equal seeds make equal files. Most damage hits what is not weights: the tables, with their
offsets, sizes, shapes, types, scales and options, are a small part of a file and the delicate one.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tflite

# Values that mean something to a reader of offsets, lengths, sizes, enumerations and floats.
SPECIAL = (
    *range(16), 32, 127, 128, 255, 256, 1 << 16, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE,
    0xFFFFFFFF, 0x00800000, 0x33800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0x7FC00000, 0xFF800000,
)  # fmt: skip
BULK_BYTES = 64  # a buffer of this size is weights, not the shape of a RESHAPE


@dataclass(frozen=True)
class Victim:
    """A sound file.

    Args:
        name: Of the model.
        data: The file.
        tables: Positions of aligned words that are not weights.
    """

    name: str
    data: bytes
    tables: Sequence[int]


def find_tables(name: str, data: bytes) -> Victim:
    """Tells the weights from the rest."""
    bulk = bytearray(len(data))
    model = tflite.Model.GetRootAs(data, 0)
    for i in range(model.BuffersLength()):
        buffer = model.Buffers(i)
        if (length := buffer.DataLength()) >= BULK_BYTES:
            start = buffer._tab.Vector(buffer._tab.Offset(4))
            bulk[start : start + length] = b"\1" * length
    tables = [at for at in range(0, len(data) - 3, 4) if not any(bulk[at : at + 4])]
    return Victim(name, data, tables)


def mutate(victim: Victim, seed: int) -> tuple[str, bytes]:
    """Damages a file; returns what was done, and the result."""
    rng = random.Random(f"{victim.name} {seed}")
    kind = rng.choice(sorted(_KINDS))
    data = bytearray(victim.data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        _KINDS[kind](rng, data, victim)
    return kind, bytes(data)


def _place(rng: random.Random, data: bytearray, victim: Victim) -> int:
    """An aligned word, most often in the tables."""
    anywhere = 4 * rng.randrange(len(data) // 4)
    place = rng.choice(victim.tables) if rng.random() < 0.85 else anywhere
    return place if place <= len(data) - 4 else anywhere


def _flip_bit(rng: random.Random, data: bytearray, victim: Victim) -> None:
    data[_place(rng, data, victim) + rng.randrange(4)] ^= 1 << rng.randrange(8)


def _set_byte(rng: random.Random, data: bytearray, victim: Victim) -> None:
    data[_place(rng, data, victim) + rng.randrange(4)] = rng.randrange(256)


def _set_word(rng: random.Random, data: bytearray, victim: Victim) -> None:
    struct.pack_into("<I", data, _place(rng, data, victim), rng.choice(SPECIAL))


def _nudge_word(rng: random.Random, data: bytearray, victim: Victim) -> None:
    at = _place(rng, data, victim)
    (value,) = struct.unpack_from("<I", data, at)
    step = rng.choice((1, 2, 4, 8, 64))
    struct.pack_into("<I", data, at, (value + rng.choice((-step, step))) % (1 << 32))


def _swap_words(rng: random.Random, data: bytearray, victim: Victim) -> None:
    a, b = _place(rng, data, victim), _place(rng, data, victim)
    data[a : a + 4], data[b : b + 4] = data[b : b + 4], data[a : a + 4]


def _swap_neighbours(rng: random.Random, data: bytearray, victim: Victim) -> None:
    """Two fields of a table, two entries of a vector: they lie next to each other."""
    a = _place(rng, data, victim)
    width = rng.choice((1, 2, 4))
    data[a : a + 2 * width] = data[a + width : a + 2 * width] + data[a : a + width]


def _copy_piece(rng: random.Random, data: bytearray, victim: Victim) -> None:
    a, b, size = _place(rng, data, victim), _place(rng, data, victim), rng.choice((4, 8, 32, 256))
    data[b : b + size] = data[a : a + size]


def _take_out(rng: random.Random, data: bytearray, victim: Victim) -> None:
    at = _place(rng, data, victim)
    del data[at : at + rng.choice((1, 4, 8))]


def _truncate(rng: random.Random, data: bytearray, victim: Victim) -> None:
    del data[rng.randrange(min(8, len(data) - 1), len(data)) :]


_KINDS: dict[str, Callable[[random.Random, bytearray, Victim], None]] = {
    "bit flipped": _flip_bit,
    "byte overwritten": _set_byte,
    "copied": _copy_piece,
    "cut out": _take_out,
    "nudged": _nudge_word,
    "overwritten": _set_word,
    "swapped": _swap_words,
    "swapped with its neighbour": _swap_neighbours,
    "truncated": _truncate,
}
