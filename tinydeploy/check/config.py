"""tinydeploy.toml: the targets of a repository and their budgets, read as hostile input."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

from tinydeploy.board import Link
from tinydeploy.check.limits import RESOURCES, Limit, parse_limits, parse_size
from tinydeploy.check.locate import find_line
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.pipeline import BuildRequest
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.plan import InputForm
from tinydeploy.source.options import Effort, Layout, SourceOptions, Task
from tinydeploy.toml_file import parse_toml

NAME: Final = "tinydeploy.toml"
_MOST_LINES: Final = 2000
_MOST_TARGETS: Final = 200
_TARGET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_EXAMPLE: Final = (
    'A target looks like this: [targets.kws] model = "kws.tflite" board = "stm32h743", and its '
    'budget like this: [targets.kws.budget] ram = "+1 %"; docs/ci.md shows one.'
)


@dataclass(frozen=True)
class Target:
    """One thing to build and what it may cost.

    Args:
        name: As in the file.
        request: The build; paths as in the file, relative to its folder.
        limits: By resource.
        lines: Line of the target, under "", and of each limit, by resource.
    """

    name: str
    request: BuildRequest
    limits: Mapping[str, tuple[Limit, ...]]
    lines: Mapping[str, int]


@dataclass(frozen=True)
class Config:
    """A tinydeploy.toml.

    Args:
        path: The file.
        targets: In the order of the file.
    """

    path: Path
    targets: tuple[Target, ...]

    @property
    def folder(self) -> Path:
        """The folder that paths in the file are relative to."""
        return self.path.absolute().parent


def load_config(path: Path) -> Config:
    """Reads the file.

    Raises:
        UsageError: It is not there, or says what makes no sense; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError(
            f"cannot read {path}: {reason}",
            "Write one, see docs/ci.md, or check a single model: "
            "tinydeploy check MODEL --board BOARD.",
        ) from error
    try:
        content = parse_toml(text, str(path), _EXAMPLE)
    except InputFileError as error:
        twice = "Cannot declare" in error.message or "Cannot overwrite" in error.message
        advice = "Two targets, and two keys of a table, need two names." if twice else error.hint
        raise UsageError(error.message, advice) from error
    if text.count("\n") > _MOST_LINES:
        raise UsageError(f"{path} has more than {_MOST_LINES} lines", _EXAMPLE)
    return Config(path, _Reader(str(path), text).read(content))


def list_keys() -> tuple[str, ...]:
    """The keys that a target may have besides its budget."""
    return tuple(_KEYS)


class _Reader:
    """Reads the tables of one file."""

    def __init__(self, source: str, text: str) -> None:
        self._source = source
        self._text = text

    def read(self, content: Mapping[str, Any]) -> tuple[Target, ...]:
        self._check_keys(content, (), ("targets", "defaults"))
        defaults = self._table(content, ("defaults",))
        self._check_keys(defaults, ("defaults",), (*_KEYS, "budget"))
        targets = self._table(content, ("targets",))
        if not targets:
            raise UsageError(f"{self._source} names no targets", _EXAMPLE)
        if len(targets) > _MOST_TARGETS:
            raise UsageError(f"{self._source} has more than {_MOST_TARGETS} targets")
        return tuple(self._target(content, name) for name in targets)

    def _target(self, content: Mapping[str, Any], name: str) -> Target:
        place = ("targets", name)
        if not _TARGET_NAME.fullmatch(name):
            raise self._error(
                place, f"{name!r} is no name", "Use letters, digits and _ . - only, at most 64."
            )
        table = self._table(content, place)
        self._check_keys(table, place, (*_KEYS, "budget"))
        values: dict[str, Any] = {}
        options: dict[str, Any] = {}
        for key, parse in _KEYS.items():
            own = key in table
            where = place if own else ("defaults",)
            value = table[key] if own else content.get("defaults", {}).get(key)
            if value is None:
                continue
            try:
                parsed = parse(value)
            except ValueError as error:
                raise self._refuse((*where, key), error) from error
            (options if key in _SOURCE_KEYS else values)[_FIELDS.get(key, key)] = parsed
        for key in ("model", "board"):
            if key not in values:
                raise self._error(place, f"target {name} has no {key}", _EXAMPLE)
        request = BuildRequest(**values, options=replace(SourceOptions(), **options), keep=False)
        limits, lines = self._limits(content, place)
        return Target(name, request, limits, {"": self._line(place), **lines})

    def _limits(
        self, content: Mapping[str, Any], place: tuple[str, ...]
    ) -> tuple[dict[str, tuple[Limit, ...]], dict[str, int]]:
        """The limits of a target, or the defaults', and their lines."""
        limits, lines = {}, {}
        for where in (("defaults", "budget"), (*place, "budget")):
            budget = self._table(content, where)
            self._check_keys(budget, where, RESOURCES)
            for name, value in budget.items():
                try:
                    limits[name] = parse_limits(RESOURCES[name], value)
                except ValueError as error:
                    raise self._refuse((*where, name), error) from error
                lines[name] = self._line((*where, name))
        return limits, lines

    def _table(self, content: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
        """The table at a place; an empty one where there is none."""
        table: Any = content
        for depth, key in enumerate(path):
            table = table.get(key, {})
            if not isinstance(table, dict):
                name = ".".join(path[: depth + 1])
                raise self._error(path[: depth + 1], f"{name} is no table", _EXAMPLE)
        found: Mapping[str, Any] = table
        return found

    def _check_keys(
        self, table: Mapping[str, Any], path: tuple[str, ...], known: Collection[str]
    ) -> None:
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key.replace("-", "_"), known, n=1, cutoff=0.5)
                where = f" in [{'.'.join(path)}]" if path else ""
                guess = f"Did you mean {near[0]}? " if near else ""
                listed = ", ".join(sorted(known))
                raise self._error(
                    (*path, key), f"there is no key {key!r}{where}", f"{guess}Known are {listed}."
                )

    def _refuse(self, path: Sequence[str], error: ValueError) -> UsageError:
        why, *advice = error.args
        return self._error(path, f"{path[-1]} = {why}", *advice)

    def _error(self, path: Sequence[str], message: str, advice: str = "") -> UsageError:
        return UsageError(f"{self._source}:{self._line(path)}: {message}", advice)

    def _line(self, path: Sequence[str]) -> int:
        return find_line(self._text, path)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(f"{value!r} is no text", 'Write it in quotes: "...".')
    return value


def _path(value: Any) -> Path:
    return Path(_text(value))


def _word(*words: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in words:
            known = ", ".join(f'"{word}"' for word in words)
            raise ValueError(f"{value!r}", f"It is one of {known}.")
        return str(value)

    return parse


def _numbers(value: Any) -> tuple[float, ...]:
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(
        isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers
    ):
        raise ValueError(
            f"{value!r} is no list of numbers", "Write 127.5, or [123.7, 116.3, 103.5]."
        )
    return tuple(map(float, numbers))


def _shape(value: Any) -> tuple[int, ...]:
    sizes = value if isinstance(value, list) else [value]
    if not 1 <= len(sizes) <= 3 or not all(
        isinstance(n, int) and not isinstance(n, bool) and 0 < n < 1 << 31 for n in sizes
    ):
        raise ValueError(
            f"{value!r} is no shape", "Write it without the batch, channels first: [3, 96, 96]."
        )
    return tuple(sizes)


def _share(value: Any) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no percentage", 'Write a number and the sign: "10 %".')
    return float(match[1]) / 100


def _count(most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise ValueError(f"{value!r} is no whole number of 0 to {most}")
        return value

    return parse


def _seconds(value: Any) -> float:
    if isinstance(value, list):
        raise ValueError(f"{value!r} is no number of seconds")  # noqa: TRY004 - a value of a file
    return _numbers(value)[0]


_SOURCE_KEYS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "weights": _path,
    "data": _path,
    "labels": _path,
    "preprocess": _path,
    "mean": _numbers,
    "std": _numbers,
    "color": _word("rgb", "bgr", "gray"),
    "resize": _word("stretch", "crop"),
    "input_shape": _shape,
    "layout": _word(*get_args(Layout)),
    "effort": _word(*get_args(Effort)),
    "mixed": _share,
    "task": _word(*get_args(Task)),
}
_KEYS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "model": _text,
    "board": _text,
    "optimize": _word(*get_args(Optimize)),
    "input": _word(*get_args(InputForm)),
    "io": lambda value: _word("int8", "float")(value) == "float",
    "max_ram": parse_size,
    "max_flash": parse_size,
    "max_extra_macs": _share,
    "vectors": _count(1000),
    "baud": _count(1 << 31),
    "watchdog": _seconds,
    "accelerator": _word("tinynpu"),
    "link": _word(*get_args(Link)),
    "firmware": lambda value: _word("standard", "mlperf")(value) == "mlperf",
    **_SOURCE_KEYS,
}
_FIELDS: Final = {"input": "input_form", "io": "float_ends", "firmware": "mlperf"}
