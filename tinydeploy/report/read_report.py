"""JSON back into a report: from a file that anybody may have written."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from tinydeploy.errors import InputFileError
from tinydeploy.project.publish import REPORTS
from tinydeploy.report.accelerated_report import SCHEMA as ACCELERATED_SCHEMA
from tinydeploy.report.accelerated_report import AcceleratedReport
from tinydeploy.report.build_report import SCHEMA, BuildReport

_Record = TypeVar("_Record")
_ADVICE = "Give a report that `tinydeploy build` of this version wrote, or the folder of a build."

_PICTURE = re.compile(r"[a-z]+/picture\d+\.png")
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_BYTES = 4 << 20


def find_report(path: Path) -> Path:
    """The report.json or npu_report.json of a build's folder, or the file itself."""
    if not path.is_dir():
        return path
    found = [path / name for name in REPORTS if (path / name).is_file()]
    return found[0] if found else path / REPORTS[0]


def read_report(file: Path) -> BuildReport | AcceleratedReport:
    """Reads a report.json, or an npu_report.json.

    Raises:
        InputFileError: It cannot be read, or is no report of this version.
    """
    try:
        content = json.loads(file.read_bytes().decode())
    except OSError as error:
        raise InputFileError(f"cannot read {file}: {error.strerror or error}", _ADVICE) from error
    except UnicodeDecodeError as error:
        raise InputFileError(f"{file} is no report: it is no text", _ADVICE) from error
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{file} is no report: {error}", _ADVICE) from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema not in (SCHEMA, ACCELERATED_SCHEMA):
        raise InputFileError(
            f"{file} is no report of version {SCHEMA} or {ACCELERATED_SCHEMA}", _ADVICE
        )
    try:
        if schema == ACCELERATED_SCHEMA:
            accelerated = read_record(AcceleratedReport, content)
            _check_accelerated(accelerated)
            return accelerated
        report = read_record(BuildReport, content)
        _check(report)
    except ValueError as error:
        raise InputFileError(f"{file} is no report: {error}", _ADVICE) from error
    return report


def read_pictures(file: Path, report: BuildReport | AcceleratedReport) -> Mapping[str, bytes]:
    """PNG files that a report names and that lie beside it, as a build has put them there.

    Other names, damaged files and those that are gone are left out: a page shows none of them.
    """
    found = {}
    for name in report.picture_files:
        path = file.parent / name
        try:
            if _PICTURE.fullmatch(name) and path.stat().st_size <= _MOST_BYTES:
                content = path.read_bytes()
                if content.startswith(_PNG):
                    found[name] = content
        except OSError:
            continue
    return found


def read_record(record: type[_Record], content: Any, where: str = "") -> _Record:
    """A frozen dataclass from what JSON made of it.

    Args:
        record: Its class; fields are numbers, texts, truth values, records, tuples and mappings of
            them, or None.
        content: What json.loads gives.
        where: The place, for messages.

    Raises:
        ValueError: An entry is missing, unknown or of another type; the message names it.
    """
    if not isinstance(content, dict):
        raise ValueError(f"{where or 'it'} is no table")  # noqa: TRY004 - of a file's content
    hints = get_type_hints(record)
    names = [field.name for field in dataclasses.fields(record)]  # type: ignore[arg-type]
    if set(content) != set(names):
        odd = sorted(set(content) ^ set(names))[0]
        raise ValueError(f"{where}.{odd}".strip(".") + " is missing or unknown")
    return record(
        **{name: _read(hints[name], content[name], f"{where}.{name}".strip(".")) for name in names}
    )


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (kind,) = [each for each in arguments if each is not type(None)]
        return _read(kind, value, where)
    if dataclasses.is_dataclass(kind):
        return read_record(kind, value, where)  # type: ignore[arg-type]
    if origin is tuple:
        return _read_tuple(arguments, value, where)
    if origin is Mapping:
        return _read_mapping(arguments[1], value, where)
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or isinstance(value, bool) != (kind is bool):
        raise ValueError(f"{where} is {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}")
    return value


def _read_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where} is {type(value).__name__}")  # noqa: TRY004 - of a file's content
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{where} has {len(value)} entries, not {len(kinds)}")
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_read(kind, each, f"{where}[{k}]") for k, (kind, each) in pairs)


def _read_mapping(kind: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {type(value).__name__}")  # noqa: TRY004 - of a file's content
    return {name: _read(kind, each, f"{where}.{name}") for name, each in value.items()}


def _check(report: BuildReport) -> None:
    """Raises ValueError where parts of a report contradict one another: pictures rely on them."""
    timeline = report.memory.timeline
    arenas = {region.name: region.arena_bytes for region in report.memory.regions}
    moment = 1
    for group in timeline.groups:
        if group.begin != moment or group.end <= group.begin or not group.layers:
            raise ValueError("memory.timeline.groups do not follow one another")
        moment = group.end
    if timeline.moments != moment + 1 or not 0 <= timeline.peak < timeline.moments:
        raise ValueError("memory.timeline.moments and its groups disagree")
    for occupant in timeline.occupants:
        size = arenas.get(occupant.memory, 0)
        if not occupant.rectangles or not all(
            0 <= begin < end <= size and 0 <= birth < death <= timeline.moments
            for begin, end, birth, death in occupant.rectangles
        ):
            raise ValueError(f"memory.timeline: {occupant.name} does not lie in its arena")


def _check_accelerated(report: AcceleratedReport) -> None:
    """The same of a build with an accelerator."""
    layers, program = len(report.layers), report.program
    for instruction in program.instructions:
        if not 0 <= instruction.start <= instruction.finish <= program.cycles:
            raise ValueError(f"program: {instruction.name} does not lie within the frame")
        if instruction.layer is not None and not 0 <= instruction.layer < layers:
            raise ValueError(f"program: {instruction.name} belongs to no layer")
    for layer in report.layers:
        if not all(0 <= number < len(program.instructions) for number in layer.instructions):
            raise ValueError(f"layers: {layer.op} has instructions that are not there")
