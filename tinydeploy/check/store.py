"""Keeps what stages made under a key of everything that they depend on.

An entry is a zip of arrays (numpy's .npz) and a JSON text in it. It is written beside its place and
moved there; one that cannot be read is made again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import OutputError
from tinydeploy.paths import cache_folder

_META = "meta"
# Entries that nobody has used for so long go.
_MOST_SECONDS = 30 * 24 * 3600.0

Arrays = Mapping[str, NDArray[Any]]


def make_key(*parts: object) -> str:
    """A file-name-safe key that differs when the `repr` of any part differs."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:40]


class Store:
    """The entries of one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or cache_folder() / "check"

    def prepare(self) -> None:
        """Makes the folder.

        Raises:
            OutputError: Nothing can be written there.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self._folder).close()
        except OSError as error:
            raise OutputError(
                f"cannot write the cache folder {self._folder}: {error.strerror or error}",
                "Name another with the environment variable TINYDEPLOY_CACHE.",
            ) from error

    def read(self, key: str) -> tuple[Any, Arrays] | None:
        """An entry's JSON content and arrays; None where there is none."""
        path = self._folder / f"{key}.npz"
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            content = json.loads(arrays.pop(_META).tobytes())
            os.utime(path)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
            return None
        return content, arrays

    def has(self, key: str) -> bool:
        """Whether there is an entry, readable or not."""
        return (self._folder / f"{key}.npz").is_file()

    def write(self, key: str, content: Any, arrays: Arrays | None = None) -> None:
        """Keeps an entry; does without where the folder cannot be written."""
        text = np.frombuffer(json.dumps(content).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{_META: text, **(arrays or {})})  # type: ignore[arg-type]
        with suppress(OSError):
            handle, part = tempfile.mkstemp(dir=self._folder, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(buffer.getvalue())
                Path(part).replace(self._folder / f"{key}.npz")
            finally:
                with suppress(OSError):
                    Path(part).unlink()

    def prune(self) -> None:
        """Removes entries, and parts of entries, that nobody has used for a month."""
        oldest = time.time() - _MOST_SECONDS
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(OSError):
                    if path.suffix in (".npz", ".part") and path.stat().st_mtime < oldest:
                        path.unlink()
