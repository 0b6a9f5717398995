"""Builds that take no time: what a child process would make, by the first bytes of the model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.check.sample import chain, make_figures
from tinydeploy.check import build_targets
from tinydeploy.check.figures import Figures, write_figures
from tinydeploy.check.store import Store
from tinydeploy.check.tasks import Made, Outcome, Task
from tinydeploy.errors import BudgetError, MismatchError, UnsupportedModelError

STAGES = ("graph", "plan", "compile", "emulate")
ERRORS = {
    b"wrong": MismatchError("the host build differs"),
    b"odd": UnsupportedModelError("an operator that is none", "Try another."),
    b"big": BudgetError("the model needs an arena of 5 bytes"),
}


def figures_of(model: bytes, board: str) -> Figures:
    """A model's bytes are the channels of its layers: `3 8 8 4`."""
    return make_figures(chain(*map(int, model.split())), board, snr=30.0)


class FakeChildren:
    """Stands in for `Children`; counts the tasks."""

    tasks: list[Task]
    lock = threading.Lock()

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, task: Task, begin: Callable[[str], None]) -> Outcome:
        with self.lock:
            self.tasks.append(task)
        model = (self._folder / str(task.request.model)).read_bytes()
        store = Store()
        if task.source is None:
            begin("quantize")
            made = Made(f"source of {model.decode()}", ("quantize",), ())
            store.write(made.key, {})
            entry = {"reads": {}, "source": made.key, "stages": made.stages, "notes": []}
            store.write(task.key, entry)
            return Outcome(made, None, made.stages)
        if model in ERRORS:
            return Outcome(None, ERRORS[model], STAGES[:2])
        figures = write_figures(figures_of(model, task.request.board))
        if not task.request.emulate:
            figures["values"].update(instructions=None, latency=None, stack=None)
        store.write(task.key, {"figures": figures, "stages": STAGES, "notes": []})
        return Outcome(Made(task.key, STAGES, ()), None, STAGES)

    def kill(self) -> None:
        raise AssertionError("nothing was interrupted")


def fake_builds(monkeypatch: pytest.MonkeyPatch, cache: Path) -> list[Task]:
    """Puts them in the place of the real ones, with an empty cache; the tasks that run."""
    tasks: list[Task] = []
    monkeypatch.setattr(FakeChildren, "tasks", tasks, raising=False)
    monkeypatch.setattr(build_targets, "Children", FakeChildren)
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(cache))
    return tasks
