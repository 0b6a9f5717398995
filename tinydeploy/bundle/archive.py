"""A zip whose bytes follow from its files alone."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

SUMS = "SHA256SUMS"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can say


def sum_files(files: Mapping[str, bytes]) -> bytes:
    """What `sha256sum -c` reads: a line per file, sorted by path."""
    lines = [f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)]
    return "".join(lines).encode()


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """The files, by path, and their sums as a zip; same files, same bytes.

    Neither order nor time nor whoever packs them matters. Only another version of zlib may compress
    them to other bytes.
    """
    whole = {**files, SUMS: sum_files(files)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(whole):
            info = zipfile.ZipInfo(path, _EPOCH)
            info.create_system = 3  # Unix, wherever this runs: the permissions below are its
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, whole[path], compresslevel=9)
    return buffer.getvalue()
