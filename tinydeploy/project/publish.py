"""Makes an output folder appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tinydeploy.errors import OutputError

ACCELERATED_REPORT = "npu_report.json"
# What every build leaves in its folder: one for the board alone, or with an accelerator.
REPORTS = ("report.json", ACCELERATED_REPORT)


@contextmanager
def publish_folder(target: Path) -> Iterator[Path]:
    """Gives an empty folder that takes the place of `target` when the block ends without error.

    The folder is made beside the target, so that the last step is a rename. A folder that stood at
    `target` stays until then; it is only replaced if an earlier build made it (it holds one of
    REPORTS) or if it is empty.

    Raises:
        OutputError: The folder cannot be written, or `target` is something else's.
    """
    target = target.absolute()
    check_target(target)
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        folder.chmod(0o755)
    except OSError as error:
        raise _cannot_write(target, error) from error
    try:
        yield folder
        _replace(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # not empty: the target is there, or another build's
            for parent in missing:
                parent.rmdir()


def check_target(target: Path) -> None:
    """Says early whether a build may put its folder at `target`.

    Raises:
        OutputError: Something else stands there, or no folder can be made there.
    """
    parent = next(folder for folder in target.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        fault = "is not writable" if parent.is_dir() else "is no folder"
        raise OutputError(
            f"cannot write {target}: {parent} {fault}",
            "Choose another folder with --output DIR.",
        )
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir() or target.is_symlink():
        raise OutputError(f"{target} is no folder", "Choose another with --output DIR.")
    if any(target.iterdir()) and not any((target / name).is_file() for name in REPORTS):
        raise OutputError(
            f"{target} holds files that no build of tinydeploy made",
            "They would be lost. Choose another folder with --output DIR, or empty this one.",
        )


def _replace(folder: Path, target: Path) -> None:
    """Renames, with the old folder out of the way for the moment between two renames."""
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    old = aside / "old"
    try:
        if target.exists():
            target.rename(old)
        try:
            os.replace(folder, target)  # noqa: PTH105 - says that it replaces
        except OSError:
            if old.exists():
                with suppress(OSError):
                    old.rename(target)
            raise
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _cannot_write(target: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {target}: {error.strerror or error}",
        "Choose another folder with --output DIR.",
    )
