"""Reads MXNet's NDArray-list files (.params), which hold the weights of Gluon networks.

The format, little-endian throughout, as MXNet's NDArray::Save and NDArray::Load define it:

    list     u64 0x112, u64 reserved, u64 count, count arrays, u64 count, count names
    name     u64 length, then as many bytes of UTF-8
    array    u32 magic, V2 and V3: i32 storage type (0 = dense), shape, device, i32 type, values
    shape    V1, V2 and V3: i32 rank, i64 each dimension
             older: the magic is itself the rank, u32 each dimension
    device   i32 kind, i32 index

An array of rank 0 (V3: -1) is empty and ends behind its shape; V3 of rank 0 is a single value.
Files come from anywhere: every count is compared with the bytes at hand before it is used.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError

LIST_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_MAX_RANK = 16
_TYPES: dict[int, np.dtype[Any]] = {
    0: np.dtype("<f4"),
    1: np.dtype("<f8"),
    2: np.dtype("<f2"),
    3: np.dtype("u1"),
    4: np.dtype("<i4"),
    5: np.dtype("i1"),
    6: np.dtype("<i8"),
}
_HINT = (
    "A .params file is what Gluon's save_parameters or mx.nd.save writes. "
    "Check that the file is complete (compare its size or checksum with the source's)."
)


def read_params(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of a .params file by name, in the order of the file.

    Raises:
        InputFileError: The file is not a complete, dense, named NDArray list.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror or error}") from error
    return parse_params(data, str(path))


def parse_params(data: bytes, source: str) -> dict[str, NDArray[np.generic]]:
    """`read_params` for bytes; `source` names them in errors."""
    reader = _Reader(data, source)
    magic, _reserved = reader.take("QQ", "the file's header")
    if magic != LIST_MAGIC:
        raise reader.error(f"it starts with {magic:#x}, not with {LIST_MAGIC:#x}")
    # An array takes at least its magic and a rank, a name at least its length.
    count = reader.take_count("the number of arrays", 8)
    arrays = [_take_array(reader, f"array {index}") for index in range(count)]
    name_count = reader.take_count("the number of names", 8)
    if name_count != count:
        raise reader.error(f"it has {count} arrays but {name_count} names")
    names = [_take_name(reader, f"name {index}") for index in range(count)]
    if reader.left:
        raise reader.error(f"{reader.left} bytes are left over behind the last name")
    for name, times in Counter(names).most_common(1):
        if times > 1:
            raise reader.error(f"the name '{name:.60}' occurs {times} times")
    return dict(zip(names, arrays, strict=True))


class _Reader:
    """A position in the bytes of a file; taking more than there is raises InputFileError."""

    def __init__(self, data: bytes, source: str) -> None:
        self._data = data
        self._source = source
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def error(self, what: str) -> InputFileError:
        return InputFileError(
            f"{self._source} is not a valid .params file: {what} (byte {self._at})", _HINT
        )

    def take_bytes(self, size: int, what: str) -> bytes:
        if size > self.left:
            raise self.error(f"{what} needs {size} bytes, {self.left} are left")
        self._at += size
        return self._data[self._at - size : self._at]

    def take(self, layout: str, what: str) -> tuple[int, ...]:
        layout = "<" + layout
        return struct.unpack(layout, self.take_bytes(struct.calcsize(layout), what))

    def take_count(self, what: str, least_bytes: int) -> int:
        (count,) = self.take("Q", what)
        if count * least_bytes > self.left:
            raise self.error(f"{what} is {count}, but only {self.left} bytes are left")
        return count


def _take_array(reader: _Reader, what: str) -> NDArray[np.generic]:
    (magic,) = reader.take("I", what)
    if magic in (_V2, _V3):
        (storage,) = reader.take("i", what)
        if storage != 0:
            raise reader.error(f"{what} has storage type {storage}; only dense arrays are read")
    if magic in (_V1, _V2, _V3):
        (rank,) = reader.take("i", what)
        dimension = "q"
    else:
        rank, dimension = magic, "I"
    if rank > _MAX_RANK or rank < (-1 if magic == _V3 else 0):
        raise reader.error(f"{what} has an impossible rank or an unknown magic, {rank:#x}")
    if rank == (-1 if magic == _V3 else 0):
        return np.empty(0, np.float32)
    shape = reader.take(dimension * rank, f"the shape of {what}")
    if min(shape, default=0) < 0:
        raise reader.error(f"{what} has the shape {shape}")
    *_device, kind = reader.take("iii", f"the type of {what}")
    if kind not in _TYPES:
        raise reader.error(f"{what} has the unknown type {kind}")
    values = reader.take_bytes(math.prod(shape) * _TYPES[kind].itemsize, f"{what}, shape {shape},")
    try:
        return np.frombuffer(values, _TYPES[kind]).reshape(shape).copy()
    except ValueError as error:  # dimensions whose product is 0 may each exceed numpy's limits
        raise reader.error(f"{what} has the shape {shape}") from error


def _take_name(reader: _Reader, what: str) -> str:
    length = reader.take_count(f"the length of {what}", 1)
    try:
        return reader.take_bytes(length, what).decode("utf-8")
    except UnicodeDecodeError as error:
        raise reader.error(f"{what} is not UTF-8") from error
