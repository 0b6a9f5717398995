"""Digests of what builds depend on: files that users name, files that are read, tinydeploy itself.

What a factory's code reads is not known before it has run. So a recorder notes the files that a
run opens and the modules it imports, and the next run counts as the same while these files are.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tinydeploy.paths import BOARDS, FIRMWARE, cache_folder
from tinydeploy.report.versions import list_versions

_WRITES = os.O_WRONLY | os.O_RDWR
_PACKAGE = Path(__file__).resolve().parent.parent


def hash_path(path: Path) -> str:
    """Digest of a file, or of all files in a folder and their names; "" where there is nothing."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        return _hash_all([(str(p.relative_to(path)), p) for p in files])
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@cache
def hash_tool() -> str:
    """Digest of tinydeploy's code and data, and of the versions of what it runs on."""
    roots = (_PACKAGE, FIRMWARE, BOARDS)
    files = [
        (f"{k}/{p.relative_to(root)}", p)
        for k, root in enumerate(roots)
        for p in sorted(root.rglob("*"))
        if p.is_file() and "__pycache__" not in p.parts
    ]
    versions = sorted(list_versions().items())
    machine = (platform.machine(), platform.system(), sys.version)
    return hashlib.sha256(repr((_hash_all(files), versions, machine)).encode()).hexdigest()


def _hash_all(files: Sequence[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(f"{name}\0{hash_path(path)}\n".encode())
    return digest.hexdigest()


@contextmanager
def record_reads() -> Iterator[set[Path]]:
    """Notes the user's own files that are opened, and modules that are imported, in this block.

    Not what is installed, kept by tinydeploy, or gone when the block ends. Files that libraries in
    C open are not seen. For processes that end soon: an audit hook cannot be removed.
    """
    found: set[Path] = set()
    known = set(sys.modules)
    active = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if active and event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITES
            if isinstance(path, str | bytes) and not writes:
                found.add(Path(os.fsdecode(path)))

    sys.addaudithook(note)
    files: set[Path] = set()
    try:
        yield files
    finally:
        active = False
        modules = [sys.modules[name] for name in set(sys.modules) - known]
        found.update(Path(name) for m in modules if (name := getattr(m, "__file__", None)))
        files.update(path for each in found if _is_own(path := each.absolute().resolve()))


def _is_own(path: Path) -> bool:
    return (
        path.is_file()
        and path.suffix != ".pyc"
        and not any(path.is_relative_to(root) for root in _foreign_roots())
    )


@cache
def _foreign_roots() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    installed = [Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    system = [Path(root) for root in ("/proc", "/sys", "/dev", "/etc", "/usr")]
    here = (_PACKAGE, FIRMWARE, BOARDS, cache_folder())
    return tuple(root.resolve() for root in (*installed, *system, *here))


def hash_reads(files: Iterable[Path], folder: Path) -> dict[str, str]:
    """Digests by path, relative to a folder where they are in it."""
    root = folder.resolve()
    return {
        str(path.relative_to(root) if path.is_relative_to(root) else path): hash_path(path)
        for path in sorted(files)
    }


def are_unchanged(digests: Mapping[str, str], folder: Path) -> bool:
    """Whether files still have these digests."""
    return all(hash_path(folder / name) == digest for name, digest in digests.items())
