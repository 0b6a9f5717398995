"""How pictures become the input's real values, from a file's metadata.

The standard metadata tell mean, std and the colour space. What the standard has no field for, the
order of the channels and how a picture gets its size, is in a file of TOML that the metadata list,
in the archive behind the flatbuffer. `parse_rules` reads that file, and a user's own one.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from flatbuffers import number_types, packer
from flatbuffers.table import Table

from tinydeploy.errors import InputFileError
from tinydeploy.graph.archive import read_members
from tinydeploy.graph.metadata import find_metadata
from tinydeploy.toml_file import parse_toml

RULES_FILE: Final = "preprocess.toml"
COLORS: Final = ("rgb", "bgr", "gray")
RESIZES: Final = ("stretch", "crop")
LAYOUTS: Final = ("nchw", "nhwc")
_ENTRY: Final = "TFLITE_METADATA"
_NORMALIZATION: Final = 1  # ProcessUnitOptions.NormalizationOptions
_IMAGE: Final = 2  # ContentProperties.ImageProperties
_COLOR_SPACES: Final = {1: "rgb", 2: "gray"}  # ColorSpaceType
_MAX_CHANNELS: Final = 64


@dataclass(frozen=True)
class Rules:
    """What a preprocess.toml may say; None: nothing.

    Args:
        mean: Of the pixels, 0 to 255; one per channel, or one for all.
        std: Likewise, none of them 0.
        color: One of COLORS.
        resize: One of RESIZES.
        crop_fraction: Part of the shorter side that a crop keeps, above 0, at most 1.
        layout: One of LAYOUTS, of a float net's input.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    color: str | None = None
    resize: str | None = None
    crop_fraction: float | None = None
    layout: str | None = None


@dataclass(frozen=True)
class Normalization:
    """The input's real value is (pixel - mean) / std, for pixels of 0 to 255.

    Args:
        mean: One per channel, or one for all.
        std: As many, none of them 0.
        color: Order of the channels, "rgb", "bgr" or "gray"; empty where the file does not say.
        resize: "stretch" (both sides to the input's size) or "crop" (the centre); likewise.
        crop_fraction: Part of the shorter side that a crop keeps.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    color: str = ""
    resize: str = ""
    crop_fraction: float = 1.0

    def fits(self, channels: int) -> bool:
        """Whether it can be that of an input with so many channels."""
        colored = {"": channels, "gray": 1}.get(self.color, 3)
        return len(self.mean) in (1, channels) and colored == channels

    def say(self) -> Mapping[str, Any]:
        """What the file says, by the names of Rules."""
        said: dict[str, Any] = {"mean": self.mean, "std": self.std}
        if self.color:
            said["color"] = self.color
        if self.resize:
            said["resize"] = self.resize
        if self.resize == "crop":
            said["crop_fraction"] = self.crop_fraction
        return said


def parse_rules(text: str, source: str) -> Rules:
    """Reads a preprocess.toml.

    Args:
        text: Its text; it is not trusted.
        source: Names it in errors.

    Raises:
        InputFileError: It is no TOML, or has other keys or values than it may have.
    """
    content = parse_toml(text, source, _EXAMPLE)
    known = {field.name for field in fields(Rules)}
    for key, value in content.items():
        if key not in known:
            raise InputFileError(
                f"{source}: there is no entry '{key}'", f"Entries are {', '.join(sorted(known))}."
            )
        content[key] = _check_rule(key, value, source)
    return Rules(**content)


_EXAMPLE: Final = 'Write, for example: mean = [123.7, 116.3, 103.5], std = 58.0, color = "rgb".'
_WORDS: Final = {"color": COLORS, "resize": RESIZES, "layout": LAYOUTS}


def _check_rule(key: str, value: Any, source: str) -> Any:
    if key in _WORDS:
        if value not in _WORDS[key]:
            choices = ", ".join(f'"{word}"' for word in _WORDS[key])
            raise InputFileError(f"{source}: {key} is {value!r}", f"It is one of {choices}.")
        return value
    numbers = value if isinstance(value, list) else [value]
    sane = all(
        isinstance(number, int | float)
        and not isinstance(number, bool)
        and abs(number) < math.inf
        and (key == "mean" or number > 0)
        for number in numbers
    )
    if not sane or not 0 < len(numbers) <= _MAX_CHANNELS:
        raise InputFileError(f"{source}: {key} is {value!r}", _EXAMPLE)
    if key != "crop_fraction":
        return tuple(float(number) for number in numbers)
    if isinstance(value, list) or value > 1:
        raise InputFileError(
            f"{source}: {key} is {value!r}", "It is the part of the shorter side, at most 1."
        )
    return float(value)


def read_normalization(data: bytes) -> Normalization | None:
    """What the metadata say of the first input.

    Args:
        data: A .tflite file that `read_graph` has accepted; its metadata is still not trusted.

    Returns:
        None where the file says nothing, or nothing that makes sense.
    """
    try:
        buffer = find_metadata(data, _ENTRY)
        if buffer is None or buffer[4:8] != b"M001":
            return None
        root = Table(bytearray(buffer), packer.uoffset.unpack_from(buffer, 0)[0])
        # ModelMetadata.subgraph_metadata[0].input_tensor_metadata[0]
        tensor = _first(_vector(_first(_vector(root, 3)), 2))
        found = _read_units(tensor)
        if found is None:
            return None
        return _add_rules(replace(found, color=_read_color(tensor)), data)
    except (struct.error, IndexError, ValueError, OverflowError, TypeError):
        return None


def _read_units(tensor: Table) -> Normalization | None:
    """Mean and std from the tensor's process_units."""
    units = _vector(tensor, 4)
    for index in range(min(len(units), _MAX_CHANNELS)):
        unit = units[index]
        if _byte(unit, 0) == _NORMALIZATION:
            options = _child(unit, 1)
            mean, std = _floats(options, 0), _floats(options, 1)
            sane = len(mean) == len(std) > 0 and all(map(math.isfinite, (*mean, *std)))
            return Normalization(mean, std) if sane and 0 not in std else None
    return None


def _read_color(tensor: Table) -> str:
    """The colour space from the tensor's content; empty where there is none."""
    if not tensor.Offset(4 + 2 * 3):
        return ""
    content = _child(tensor, 3)
    if _byte(content, 0) != _IMAGE:
        return ""
    return _COLOR_SPACES.get(_byte(_child(content, 1), 0), "")


def _add_rules(found: Normalization, data: bytes) -> Normalization:
    """What the archive says besides; it only adds to the standard's fields."""
    texts = read_members(data, lambda name: name == RULES_FILE)
    try:
        rules = parse_rules(texts[0], RULES_FILE) if texts else Rules()
    except InputFileError:
        return found
    said: Mapping[str, Any] = {
        name: getattr(rules, name)
        for name in ("color", "resize", "crop_fraction")
        if getattr(rules, name) is not None
    }
    return replace(found, **said)


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


def _byte(table: Table, field: int) -> int:
    offset = table.Offset(4 + 2 * field)
    return int(table.Get(number_types.Uint8Flags, table.Pos + offset)) if offset else 0
