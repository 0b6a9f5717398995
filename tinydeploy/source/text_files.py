"""Text files that the user gives besides a model: labels, and the rules of preprocessing."""

from __future__ import annotations

from pathlib import Path

from tinydeploy.errors import InputFileError
from tinydeploy.graph.normalization import Rules, parse_rules

_MAX_BYTES = 1 << 20
_MAX_SHOWN = 60


def read_label_file(path: Path, count: int) -> tuple[str, ...]:
    """The names of all classes, one per line, in the order of the network's outputs.

    Args:
        path: A text file; empty lines at its end do not count.
        count: Classes that the network has.

    Raises:
        InputFileError: It cannot be read, or names another number of classes.
    """
    labels = [line.strip() for line in _read_text(path, "labels").splitlines()]
    while labels and not labels[-1]:
        labels.pop()
    empty = [number for number, label in enumerate(labels, 1) if not label]
    if empty:
        raise InputFileError(f"{path}: line {empty[0]} names no class", "Write one name per line.")
    if len(labels) != count:
        raise InputFileError(
            f"{path} names {len(labels)} classes, the network has {count or 'no'} "
            + ("class scores" if not count else "outputs"),
            "Give one line per output, in their order, or leave --labels out.",
        )
    return tuple(labels)


def read_rules_file(path: Path) -> Rules:
    """A preprocess.toml.

    Raises:
        InputFileError: It cannot be read, or says what makes no sense.
    """
    return parse_rules(_read_text(path, "preprocessing"), str(path))


def _read_text(path: Path, what: str) -> str:
    try:
        if path.is_file() and path.stat().st_size > _MAX_BYTES:
            raise InputFileError(f"{path} is larger than 1 MB", f"Is it the file of {what}?")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputFileError(
            f"cannot read the {what} {path}: {error.strerror or error}", "Is the path right?"
        ) from error
    except ValueError as error:
        raise InputFileError(f"{path} is no UTF-8 text", f"Is it the file of {what}?") from error
