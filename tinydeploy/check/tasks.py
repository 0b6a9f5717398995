"""What is made of a target in a process of its own: its int8 model, then its image's figures."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinydeploy.accelerated import build_accelerated
from tinydeploy.board import Board, load_board
from tinydeploy.check.content import are_unchanged, hash_path, hash_reads, hash_tool, record_reads
from tinydeploy.check.figures import (
    Figures,
    read_figures,
    take_accelerated_figures,
    take_figures,
    write_figures,
)
from tinydeploy.check.source_file import hash_source, pack_source, unpack_source
from tinydeploy.check.store import Store, make_key
from tinydeploy.errors import InternalError, TinydeployError
from tinydeploy.pipeline import BuildRequest, build_image, make_planner
from tinydeploy.source.make_source import make_source
from tinydeploy.source.source import Source


class TaskWatch:
    """Counts the stages of a task and tells their names as they begin.

    Args:
        begin: Is told.
    """

    def __init__(self, begin: Callable[[str], None]) -> None:
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []
        self._begin = begin

    def stage(self, name: str) -> AbstractContextManager[None]:
        """A stage runs inside of this context."""
        return self._stage(name)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self._begin(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def detail(self, text: str) -> None:
        """Details of single stages are not shown."""

    def note(self, text: str) -> None:
        """Something that the user should know."""
        self.notes.append(text)


@dataclass(frozen=True)
class Made:
    """What a task made, now or earlier.

    Args:
        key: Of the entry in the store.
        stages: Names of the stages that it took.
        notes: What the user should know.
    """

    key: str
    stages: tuple[str, ...]
    notes: tuple[str, ...]


def source_key(request: BuildRequest, folder: Path) -> str:
    """Key of a target's int8 model, by what the user names and what is in these files.

    Where it is chosen for a board what is int16, by how that plans, too.
    """
    files = [hash_path(path) for path in _list_named(request, folder)]
    mixed = request.options.mixed is not None
    planner = make_planner(request, find_board(request, folder)) if mixed else None
    return make_key("source", hash_tool(), request.model, request.options, files, planner)


def _list_named(request: BuildRequest, folder: Path) -> list[Path]:
    """Files and folders that a target names; there need not be one of the model's name."""
    options = request.options
    named = (request.model, options.weights, options.data, options.labels, options.preprocess)
    return [folder / name for name in named if isinstance(name, str | Path)]


def find_source(key: str, folder: Path, store: Store) -> Made | None:
    """What has been made under a key, if the files that were read for it are as they were."""
    found = store.read(key)
    if found is None:
        return None
    content, _ = found
    if not are_unchanged(content["reads"], folder) or not store.has(content["source"]):
        return None
    return Made(content["source"], tuple(content["stages"]), tuple(content["notes"]))


def make_target_source(request: BuildRequest, key: str, watch: TaskWatch, store: Store) -> Made:
    """Makes the int8 model of a target in its folder, the current one.

    Raises:
        TinydeployError: As of `make_source`.
    """
    with record_reads() as files:
        planner = make_planner(request, find_board(request, Path.cwd()))
        source = make_source(request.model, watch, request.options, planner=planner)
    content, arrays = pack_source(source)
    digest = hash_source(content, arrays)
    store.write(digest, content, arrays)
    made = Made(digest, tuple(watch.seconds), tuple(watch.notes))
    named = [path.resolve() for path in _list_named(request, Path.cwd())]  # are in the key
    others = [path for path in files if not any(path.is_relative_to(each) for each in named)]
    reads = hash_reads(others, Path.cwd())
    entry = {"reads": reads, "source": digest, "stages": made.stages, "notes": made.notes}
    store.write(key, entry)
    return made


def find_board(request: BuildRequest, folder: Path) -> Board:
    """The board of a target; files are relative to the folder.

    Raises:
        UsageError: There is no such board.
        InputFileError: Its file is not valid.
    """
    board = request.board
    return load_board(str(folder / board) if board.endswith(".toml") else board)


def image_key(request: BuildRequest, source: str, folder: Path, compiler: str) -> str:
    """Key of a target's figures: of its int8 model, its board, its options and the compiler."""
    board = find_board(request, folder)
    plain = replace(request, model=None, options=BuildRequest(request.board).options)
    return make_key("image", hash_tool(), source, plain, board, compiler)


def find_image(key: str, store: Store) -> tuple[Made, Figures] | None:
    """Figures that have been measured under a key."""
    found = store.read(key)
    if found is None:
        return None
    content, _ = found
    try:
        figures = read_figures(content["figures"])
    except ValueError:
        return None
    return Made(key, tuple(content["stages"]), tuple(content["notes"])), figures


def make_target_image(
    request: BuildRequest, source: str, key: str, watch: TaskWatch, store: Store
) -> Made:
    """Builds, proves and measures a target, of which nothing is left but the figures.

    Raises:
        TinydeployError: As of `build_image`.
    """
    found = store.read(source)
    if found is None:
        raise InternalError(
            "the int8 model is gone from the cache folder", "Is it writable? See TINYDEPLOY_CACHE."
        )
    figures = write_figures(_build(request, watch, unpack_source(*found)))
    made = Made(key, tuple(watch.seconds), tuple(watch.notes))
    entry: dict[str, Any] = {"figures": figures, "stages": made.stages, "notes": made.notes}
    store.write(key, entry)
    return made


def _build(request: BuildRequest, watch: TaskWatch, source: Source) -> Figures:
    if request.accelerator is None:
        return take_figures(build_image(request, watch, source).report)
    return take_accelerated_figures(build_accelerated(request, watch, source).report)


@dataclass(frozen=True)
class Task:
    """What to make.

    Args:
        request: The build.
        source: Key of the int8 model in the store, to build an image of; None to make the model.
        key: Of what is made.
    """

    request: BuildRequest
    source: str | None
    key: str


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Args:
        made: What was made.
        error: Why nothing was.
        stages: Stages that ran, the one that failed too.
    """

    made: Made | None
    error: TinydeployError | None
    stages: tuple[str, ...]


def run_task(task: Task, watch: TaskWatch) -> Outcome:
    """Makes it; errors become part of the outcome."""
    store = Store()
    try:
        if task.source is None:
            made = make_target_source(task.request, task.key, watch, store)
        else:
            made = make_target_image(task.request, task.source, task.key, watch, store)
    except TinydeployError as error:
        return Outcome(None, _plain(error), tuple(watch.seconds))
    except Exception as error:
        traceback.print_exc()
        return Outcome(
            None, InternalError(f"{type(error).__name__}: {error}"), tuple(watch.seconds)
        )
    return Outcome(made, None, tuple(watch.seconds))


def _plain(error: TinydeployError) -> TinydeployError:
    """The error without whatever else its class keeps, to be pickled."""
    plain = TinydeployError(error.message, error.hint)
    plain.exit_code = error.exit_code
    return plain
