"""tinydeploy.baseline.json: the figures that relative budgets are held against, to be committed.

Equal figures give equal bytes; a layer is a line, so that a changed layer changes a line.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tinydeploy.check.figures import Figures, read_figures, write_figures
from tinydeploy.errors import OutputError, UsageError

NAME: Final = "tinydeploy.baseline.json"
SCHEMA: Final = "tinydeploy-baseline-1"
_ADVICE: Final = (
    "It is written by `tinydeploy check --update-baseline`: take it from the main branch again, "
    "or write it anew."
)
_MOST_BYTES = 64 << 20


def read_baseline(path: Path) -> Mapping[str, Figures]:
    """The figures by target; none where there is no file.

    Raises:
        UsageError: It is no baseline, or one of another version.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is larger than any baseline", _ADVICE)
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no baseline: {error}", _ADVICE) from error
    if not isinstance(content, dict) or not isinstance(content.get("targets"), dict):
        raise UsageError(f"{path} is no baseline: it has no targets", _ADVICE)
    if content.get("schema") != SCHEMA:
        raise UsageError(f"{path} is of another version than {SCHEMA}", _ADVICE)
    figures = {}
    for name, table in content["targets"].items():
        try:
            figures[name] = read_figures(table)
        except ValueError as error:
            raise UsageError(f"{path}: target {name}: {error}", _ADVICE) from error
    return figures


def write_baseline(path: Path, targets: Mapping[str, Figures]) -> None:
    """Replaces the file, whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    text = format_baseline(targets)
    try:
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(part).chmod(0o644)
            Path(part).replace(path)
        except BaseException:  # an interrupt must not leave the part behind either
            with contextlib.suppress(OSError):
                Path(part).unlink()
            raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def format_baseline(targets: Mapping[str, Figures]) -> str:
    """The file's text: keys sorted, short values on a line."""
    content = {name: write_figures(figures) for name, figures in targets.items()}
    return _format({"schema": SCHEMA, "targets": content}, 0) + "\n"


def _format(value: Any, depth: int) -> str:
    """Indented JSON in which tables without tables in them stay on a line."""
    inner, outer = " " * (depth + 1), " " * depth
    if isinstance(value, Mapping) and any(
        isinstance(v, Mapping | list | tuple) for v in value.values()
    ):
        if "op" not in value:
            entries = [
                f"{inner}{json.dumps(k)}: {_format(value[k], depth + 1)}" for k in sorted(value)
            ]
            return "{\n" + ",\n".join(entries) + f"\n{outer}}}"
    elif isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        return (
            "[\n" + ",\n".join(inner + _format(each, depth + 1) for each in value) + f"\n{outer}]"
        )
    return json.dumps(value, sort_keys=True)
