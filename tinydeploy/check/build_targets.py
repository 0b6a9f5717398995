"""Builds targets at the same time, but what has been built before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tinydeploy.check.children import Children
from tinydeploy.check.config import Target
from tinydeploy.check.results import TargetResult
from tinydeploy.check.store import Store
from tinydeploy.check.tasks import (
    Outcome,
    Task,
    find_board,
    find_image,
    find_source,
    image_key,
    source_key,
)
from tinydeploy.errors import InputFileError, TinydeployError

Progress = Callable[[str, str], None]
"""Is told the target and the stage that begins."""

_MODEL_SUFFIXES = (".tflite", ".onnx", ".keras", ".h5", ".hdf5")


class TargetBuilder:
    """Runs the tasks of targets: first the int8 models, each once, then the images.

    Args:
        folder: That paths are relative to.
        compiler: Its version.
        jobs: Processes at one time.
        progress: Is told of stages, from several threads.
    """

    def __init__(self, folder: Path, compiler: str, jobs: int, progress: Progress) -> None:
        self._folder = folder
        self._compiler = compiler
        self._jobs = jobs
        self._progress = progress
        self._store = Store()
        self._children = Children(folder)

    def build(
        self, targets: Sequence[Target], *, emulate: bool, done: Callable[[TargetResult], None]
    ) -> list[TargetResult]:
        """Results without findings, in the order of the targets."""
        keys: dict[str, str] = {}
        failed: dict[str, TinydeployError] = {}
        for target in targets:
            try:
                _check_files(target, self._folder)
                keys[target.name] = source_key(target.request, self._folder)
            except TinydeployError as error:
                failed[target.name] = error
        firsts = {keys[t.name]: t for t in reversed(targets) if t.name in keys}

        def finish(target: Target) -> TargetResult:
            error = failed.get(target.name)
            if error is not None:
                result = TargetResult(target, error=error)
            else:
                key = keys[target.name]
                result = self._image(
                    target, *sources[key], first=firsts[key] is target, emulate=emulate
                )
            done(result)
            return result

        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                made = pool.map(lambda key: self._source(firsts[key], key), firsts)
                sources = dict(zip(firsts, made, strict=True))
                return list(pool.map(finish, targets))
            except BaseException:  # Ctrl-C: no child may go on
                pool.shutdown(wait=False, cancel_futures=True)
                self._children.kill()
                raise

    def _source(self, target: Target, key: str) -> tuple[Outcome, bool]:
        """The int8 model, and whether it was made now."""
        found = find_source(key, self._folder, self._store)
        if found is not None:
            return Outcome(found, None, found.stages), False
        return self._run(target, Task(target.request, None, key)), True

    def _image(
        self, target: Target, source: Outcome, fresh: bool, *, first: bool, emulate: bool
    ) -> TargetResult:
        """A target's figures; stages of an int8 model count as run for the first that needs it."""
        run = len(source.stages) if fresh and first else 0
        reused = len(source.stages) - run
        if source.made is None:
            return TargetResult(target, error=source.error, stages_run=run)
        request = replace(target.request, emulate=emulate)
        key = image_key(request, source.made.key, self._folder, self._compiler)
        found = find_image(key, self._store)
        if found is not None:
            reused += len(found[0].stages)
        else:
            outcome = self._run(target, Task(request, source.made.key, key))
            run += len(outcome.stages)
            found = find_image(key, self._store)
            if outcome.error is not None or found is None:
                error = outcome.error or TinydeployError(
                    "the figures cannot be kept", "Is the cache folder writable (TINYDEPLOY_CACHE)?"
                )
                return TargetResult(target, error=error, stages_run=run, stages_reused=reused)
        made, figures = found
        notes = tuple(dict.fromkeys((*source.made.notes, *made.notes)))
        return TargetResult(
            target, figures=figures, notes=notes, stages_run=run, stages_reused=reused
        )

    def _run(self, target: Target, task: Task) -> Outcome:
        return self._children.run(task, lambda stage: self._progress(target.name, stage))


def _check_files(target: Target, folder: Path) -> None:
    """What can be told at once: that there is such a board, and that the files are there.

    Raises:
        UsageError: There is no such board.
        InputFileError: A file that is named is not there, or the board's is not valid.
    """
    request, options = target.request, target.request.options
    find_board(request, folder)
    model = request.model or ""
    named: Mapping[str, object] = {
        "model": model if Path(model).suffix in _MODEL_SUFFIXES or "/" in model else None,
        "weights": options.weights,
        "data": options.data,
        "labels": options.labels,
        "preprocess": options.preprocess,
    }
    for key, name in named.items():
        if isinstance(name, str | Path) and ":" not in str(name) and not (folder / name).exists():
            raise InputFileError(
                f'{key} = "{name}": there is no such file in {folder}',
                "Paths are relative to the folder of tinydeploy.toml.",
            )
