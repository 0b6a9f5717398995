"""Text files that a .tflite carries along: a zip archive behind the flatbuffer."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Final

MAX_BYTES: Final = 1 << 20
MAX_FILES: Final = 8


def read_members(data: bytes, wanted: Callable[[str], bool]) -> tuple[str, ...]:
    """The texts of the files in the archive whose names are wanted.

    Args:
        data: The .tflite file; what lies behind it is not trusted.
        wanted: Told a file's name.

    Returns:
        Those that are UTF-8 and at most 1 MB long. None where there is no archive or a damaged
        one: these files are a convenience, and a model without them works.
    """
    texts: list[str] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if wanted(entry.filename) and len(texts) < MAX_FILES:
                    # Read by its real size: the size that the archive states may be a lie.
                    with archive.open(entry) as file:
                        text = file.read(MAX_BYTES + 1)
                    if len(text) <= MAX_BYTES:
                        texts.append(text.decode("utf-8"))
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        OSError,
        EOFError,
        RuntimeError,  # encrypted
        NotImplementedError,  # a compression method of other tools
        ValueError,
        OverflowError,
        MemoryError,
    ):
        return ()
    return tuple(texts)
