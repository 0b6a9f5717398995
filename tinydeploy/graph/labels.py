"""Class names from a file's metadata: an archive behind the flatbuffer."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Final

MAX_BYTES: Final = 1 << 20


def read_labels(data: bytes, count: int) -> tuple[str, ...]:
    """The labels of a model's output.

    Args:
        data: The .tflite file, perhaps with a zip archive behind it that has a text file of
            labels, one per line.
        count: Elements of the output's last dimension.

    Returns:
        `count` labels, or none where the file has no archive, or none with that many labels:
        labels are a convenience, and a model without them works.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if "label" in entry.filename.lower() and entry.filename.lower().endswith(".txt"):
                    # Read by its real size: the size that the archive states may be a lie.
                    with archive.open(entry) as file:
                        text = file.read(MAX_BYTES + 1)
                    lines = text.decode("utf-8").splitlines()
                    if len(text) <= MAX_BYTES and len(lines) == count:
                        return tuple(line.strip() for line in lines)
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
    return ()
