"""Which files of firmware/ a project needs, and where in the project they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tinydeploy.board import Board
from tinydeploy.errors import InternalError, UsageError
from tinydeploy.paths import FIRMWARE, kernel_sources

# Names of folders that a model's own folder would collide with.
_TAKEN = ("app", "build", "config", "include", "kernels", "targets")
_SOURCES = re.compile(r"^SOURCES = \\\n((?: {4}\S+\.[cS](?: \\)?\n)+)", re.MULTILINE)
_INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def include_folders(board: Board) -> tuple[str, ...]:
    """Folders of a project that the compiler searches for headers, besides the project's own."""
    return (
        ".",
        "config",
        "include",
        "app",
        *target_folders(board),
    )


def target_folders(board: Board) -> tuple[str, ...]:
    """Folders of firmware/ that hold what a board needs of targets/.

    Besides the family's own there may be some that it shares with others: targets/stm32 holds what
    all STM32 have in common, targets/stm32f what the families stm32f4 and stm32f7 do.
    """
    families = sorted(
        path.name for path in (FIRMWARE / "targets").iterdir() if board.family.startswith(path.name)
    )
    return ("targets/common", *(f"targets/{name}" for name in families), "targets/libc")


def compiled_sources(paths: Iterable[str]) -> tuple[str, ...]:
    """The files among `paths` (relative to the project) that go into the firmware, sorted.

    model_data.c is the .tflite as an array, for other runtimes; it is not linked.
    """
    return tuple(
        sorted(
            p for p in set(paths) if p.endswith((".c", ".S")) and not p.endswith("/model_data.c")
        )
    )


def list_sources(folder: Path) -> tuple[str, ...]:
    """The sources that the project's Makefile names, which are those that go into the firmware.

    Raises:
        UsageError: `folder` holds no firmware project.
    """
    try:
        makefile = (folder / "Makefile").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        makefile = ""
    found = _SOURCES.search(makefile)
    if found is None:
        raise UsageError(f"{folder} holds no firmware project: no Makefile with SOURCES")
    return tuple(found[1].replace("\\", " ").split())


def check_model_name(name: str) -> None:
    """Raises UsageError where the model's folder would be one of the project's own."""
    if name in _TAKEN:
        raise UsageError(
            f"a model cannot be named '{name}': the firmware project has a folder of that name",
            "Rename the model's file.",
        )


def runtime_files(
    board: Board, kernels: Iterable[str], model: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Kernels, headers, target and application for a model, by path in the project.

    Args:
        board: Chooses the target's family.
        kernels: What of firmware/kernels/ the model needs, paths without suffix.
        model: Sources besides; the headers of include/ that they include come along.

    Raises:
        UsageError: There is no code for the board's family.
    """
    if not (FIRMWARE / "targets" / board.family / "registers.h").is_file():
        known = sorted(
            p.name for p in (FIRMWARE / "targets").iterdir() if (p / "registers.h").is_file()
        )
        raise UsageError(
            f"board {board.name} is of family '{board.family}', which has no start-up code",
            f"Families: {', '.join(known)}.",
        )
    files: dict[str, bytes] = {}
    for folder in ("app", *target_folders(board)):
        files |= _read_folder(folder)
    files["LICENSE"] = (FIRMWARE / "LICENSE").read_bytes()
    return files | kernel_files(kernels, [*files.values(), *model.values()])


def kernel_files(kernels: Iterable[str], including: Iterable[bytes]) -> dict[str, bytes]:
    """Kernels, and the headers in include/ that they and other texts include.

    Args:
        kernels: What of firmware/kernels/ is needed, paths without suffix.
        including: Other sources, whose headers come along.

    Returns:
        Contents by path in the project.
    """
    files: dict[str, bytes] = {}
    for kernel in kernels:
        sources = kernel_sources(kernel)
        if not sources:
            raise InternalError(f"there is no kernel {kernel} in firmware/kernels/")
        files |= {path.relative_to(FIRMWARE).as_posix(): path.read_bytes() for path in sources}
    return files | _included_headers([*files.values(), *including])


def mlperf_files() -> dict[str, bytes]:
    """What answers MLPerf Tiny's runner, by path in the project: beside the application."""
    files = _read_folder("mlperf")
    return {f"app/{Path(path).name}": content for path, content in files.items()}


def _read_folder(folder: str) -> dict[str, bytes]:
    return {
        f"{folder}/{path.name}": path.read_bytes()
        for path in sorted((FIRMWARE / folder).iterdir())
        if path.suffix in (".c", ".h")
    }


def _included_headers(texts: Iterable[bytes]) -> dict[str, bytes]:
    """The headers of firmware/include/ that the texts include, directly or through each other."""
    headers: dict[str, bytes] = {}
    waiting = list(texts)
    while waiting:
        for name in _INCLUDE.findall(waiting.pop()):
            path = FIRMWARE / "include" / name.decode()
            key = f"include/{path.name}"
            if key not in headers and path.is_file():
                headers[key] = path.read_bytes()
                waiting.append(headers[key])
    return headers
