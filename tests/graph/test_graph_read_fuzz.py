"""Damaged files: always a graph or one of two errors; never another exception, never for long."""

from __future__ import annotations

import random
import time

import pytest
from builders import ModelBuilder

from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph

# Values that mean something to a reader of offsets, lengths, sizes and floats.
SPECIAL = (0, 1, 2, 4, 12, 255, 1 << 16, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF,
           0x7F800000, 0x7FC00000, 0xFF800000)  # fmt: skip


def some_of_everything() -> bytes:
    b = ModelBuilder(1)
    y = b.conv(b.pad(b.input((8, 8, 4))), 6, padding="VALID")
    y = b.pool("MAX_POOL_2D", b.maximum(y, b.channel_constant(y)))
    y = b.binary("ADD", b.depthwise(y, 2), b.conv(y, 12, (1, 1), per_channel=False))
    y = b.lookup("HARD_SWISH", y)
    y = b.concatenation([y, y], 3)
    y = b.pool("AVERAGE_POOL_2D", b.binary("MUL", y, b.mean(y)))
    y = b.fully_connected(b.reshape(y, (1, 96)), 5)
    return b.finish([b.softmax(y)], labels=["a", "b", "c", "d", "e"])


MODEL = some_of_everything()


def damage(rng: random.Random) -> bytes:
    data = bytearray(MODEL)
    kind = rng.randrange(4)
    for _ in range(rng.randrange(1, 5)):
        if kind == 0:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[rng.randrange(len(data))] = rng.randrange(256)
        else:
            word = 4 * rng.randrange(len(data) // 4)
            value = int.from_bytes(data[word : word + 4], "little") + rng.randrange(-64, 64)
            value = value % (1 << 32) if kind == 2 else rng.choice(SPECIAL)
            data[word : word + 4] = value.to_bytes(4, "little")
    return bytes(data)


def read_damaged(data: bytes) -> bool:
    """Whether the file still makes a graph; lets every unexpected exception through."""
    start = time.perf_counter()
    try:
        fuse_graph(read_graph(data))
        good = True
    except (InputFileError, UnsupportedModelError) as error:
        assert error.message
        good = False
    assert time.perf_counter() - start < 5
    return good


def test_the_model_is_sound():
    assert read_damaged(MODEL)


def test_truncated_files():
    end = MODEL.rindex(b"PK\3\4")  # what follows is the archive with the labels
    lengths = [*range(64), *range(64, end, 97), end - 1]
    # The tables lie at the front and the data at the back of this file; all of it is needed.
    assert not any(read_damaged(MODEL[:length]) for length in lengths if length < end - 64)
    assert read_damaged(MODEL[:end])


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files(seed):
    rng = random.Random(seed)
    good = sum(read_damaged(damage(rng)) for _ in range(250))
    assert 0 < good < 250  # weights may change, structure may not
