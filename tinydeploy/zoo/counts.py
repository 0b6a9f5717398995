"""Sizes of the zoo's nets, counted once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from tinydeploy.errors import UsageError
from tinydeploy.model import count
from tinydeploy.model.count import Counts, count_model
from tinydeploy.paths import cache_folder
from tinydeploy.zoo.registry import ModelEntry

_FILE = "zoo-counts.json"


class CountBook:
    """Counts by net and input; those counted anew are kept by `save`.

    What was kept is used as long as the definitions of the nets stay as they were.
    """

    def __init__(self) -> None:
        self._key = _hash_definitions()
        self._path = cache_folder() / _FILE
        self._known = _read(self._path, self._key)
        self._grown = False

    def count(self, entry: ModelEntry, size: int | None = None) -> Counts:
        """The size of a net.

        Args:
            entry: The net.
            size: Height and width of the input; None for the net's own.

        Raises:
            UsageError: The net takes inputs of its own size alone, or cannot take this one.
            MissingDependencyError: It takes a package that is not installed, to build.
        """
        shape = resize_input(entry, size)
        if entry.counted is not None and shape == entry.input_shape:
            return entry.counted
        key = f"{entry.name}@{'x'.join(map(str, shape))}"
        if key not in self._known:
            with torch.device("meta"):
                net = entry.build()
            try:
                self._known[key] = count_model(net, shape)
            except RuntimeError as error:
                raise UsageError(
                    f"{entry.name} cannot take inputs of {shape[2]}x{shape[3]}",
                    "Name a larger resolution.",
                ) from error
            self._grown = True
        return self._known[key]

    def save(self) -> None:
        """Keeps what was counted; a cache that cannot be written is done without."""
        if not self._grown:
            return
        counts = {name: asdict(counts) for name, counts in sorted(self._known.items())}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps({"key": self._key, "counts": counts}), encoding="utf-8")
            new.replace(self._path)
        except OSError:
            pass


def resize_input(entry: ModelEntry, size: int | None) -> tuple[int, int, int, int]:
    """The shape of the input at another resolution.

    Raises:
        UsageError: The net takes no pictures.
    """
    if size is None:
        return entry.input_shape
    if entry.preprocessing is None:
        raise UsageError(
            f"{entry.name} takes no pictures: its input has one shape", "Leave the resolution out."
        )
    return (*entry.input_shape[:2], size, size)


def _hash_definitions() -> str:
    """Of everything that counts depend on."""
    digest = hashlib.sha256(torch.__version__.encode())
    for path in (*sorted(Path(__file__).parent.glob("*.py")), Path(count.__file__)):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _read(path: Path, key: str) -> dict[str, Counts]:
    """What is kept there under this key; nothing where the file is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kept: Mapping[str, Mapping[str, int]] = content["counts"] if content["key"] == key else {}
        return {name: Counts(**counts) for name, counts in kept.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
