"""How pixels become the input's real values, from a file's standard metadata."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Final

import tflite
from flatbuffers import number_types, packer
from flatbuffers.table import Table

_ENTRY: Final = b"TFLITE_METADATA"
_NORMALIZATION: Final = 1  # ProcessUnitOptions.NormalizationOptions
_MAX_CHANNELS: Final = 64


@dataclass(frozen=True)
class Normalization:
    """The input's real value is (pixel - mean) / std, for pixels of 0 to 255.

    Args:
        mean: One per channel, or one for all.
        std: As many, none of them 0.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


def read_normalization(data: bytes) -> Normalization | None:
    """The NormalizationOptions of the first input.

    Args:
        data: A .tflite file that `read_graph` has accepted; its metadata is still not trusted.

    Returns:
        None where the file says nothing, or nothing that makes sense.
    """
    try:
        buffer = _find_metadata(data)
        if buffer is None or buffer[4:8] != b"M001":
            return None
        root = Table(bytearray(buffer), packer.uoffset.unpack_from(buffer, 0)[0])
        # ModelMetadata.subgraph_metadata[0].input_tensor_metadata[0].process_units
        units = _vector(_first(_vector(_first(_vector(root, 3)), 2)), 4)
        for index in range(min(len(units), _MAX_CHANNELS)):
            unit = units[index]
            kind = unit.Offset(4)
            if kind and unit.Get(number_types.Uint8Flags, unit.Pos + kind) == _NORMALIZATION:
                options = _child(unit, 1)
                return _make(_floats(options, 0), _floats(options, 1))
    except (struct.error, IndexError, ValueError, OverflowError, TypeError):
        return None
    return None


def _make(mean: tuple[float, ...], std: tuple[float, ...]) -> Normalization | None:
    numbers = (*mean, *std)
    sane = len(mean) == len(std) > 0 and all(map(math.isfinite, numbers)) and 0 not in std
    return Normalization(mean, std) if sane else None


def _find_metadata(data: bytes) -> bytes | None:
    model = tflite.Model.GetRootAs(data, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == _ENTRY:
            return bytes(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    return None


class _Vector:
    """A vector of tables; reading past the buffer raises struct.error."""

    def __init__(self, table: Table, start: int, count: int) -> None:
        self._table, self._start, self._count = table, start, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Table:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return Table(self._table.Bytes, self._table.Indirect(self._start + 4 * index))


def _vector(table: Table, field: int) -> _Vector:
    offset = table.Offset(4 + 2 * field)
    if not offset:
        return _Vector(table, 0, 0)
    return _Vector(table, table.Vector(offset), table.VectorLen(offset))


def _first(vector: _Vector) -> Table:
    return vector[0]


def _child(table: Table, field: int) -> Table:
    offset = table.Offset(4 + 2 * field)
    if not offset:
        raise IndexError(field)
    return Table(table.Bytes, table.Indirect(table.Pos + offset))


def _floats(table: Table, field: int) -> tuple[float, ...]:
    offset = table.Offset(4 + 2 * field)
    count = table.VectorLen(offset) if offset else 0
    if count > _MAX_CHANNELS:
        raise ValueError(count)
    start = table.Vector(offset) if offset else 0
    return tuple(table.Get(number_types.Float32Flags, start + 4 * i) for i in range(count))
