"""What a training that was interrupted goes on from: one file, replaced as a whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import nn

from tinydeploy.errors import InputFileError
from tinydeploy.train.objective import Objective


class Row(NamedTuple):
    """One line of the log.

    Args:
        stage: Of the method.
        step: Steps done.
        loss: Of the last step.
        rate: Its learning rate.
        accuracy: Of the averaged net on the validation pictures, 0 to 1.
    """

    stage: str
    step: int
    loss: float
    rate: float
    accuracy: float


@dataclass
class State:
    """A training in progress.

    Args:
        net: Whose weights are updated.
        average: Their moving average.
        optimizer: Of the net.
        objective: Its buffers belong to the state.
        step: Steps done.
        rows: The log.
        best: The averaged weights of the best evaluation.
        best_accuracy: Its accuracy, 0 to 1.
        stale: Evaluations since then.
        done: Nothing is left to do; the result is `average`.
    """

    net: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    objective: Objective
    step: int = 0
    rows: list[Row] = field(default_factory=list)
    best: dict[str, Any] | None = None
    best_accuracy: float = -1.0
    stale: int = 0
    done: bool = False


_MODULES = ("net", "average", "optimizer", "objective")
_VALUES = ("step", "best", "best_accuracy", "stale", "done")


def write_state(path: Path, state: State) -> None:
    """Writes the state; a reader, also one after a crash, finds the old file or the new one."""
    content = {name: getattr(state, name).state_dict() for name in _MODULES}
    content |= {name: getattr(state, name) for name in _VALUES}
    content["rows"] = [tuple(row) for row in state.rows]
    replace_file(path, lambda file: torch.save(content, file))


def read_state(path: Path, state: State) -> None:
    """Puts a saved state in place.

    Raises:
        InputFileError: The file is damaged, or of another net.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        for name in _MODULES:
            getattr(state, name).load_state_dict(content[name])
        for name in _VALUES:
            setattr(state, name, content[name])
        state.rows = [Row(*row) for row in content["rows"]]
    except Exception as error:  # a damaged file makes torch raise nearly anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputFileError(
            f"cannot go on from {path}: {reason}", "Remove it to train this stage anew."
        ) from error


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file beside its place and moves it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}-{os.getpid()}")  # and not mkstemp's: others may read it
    try:
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
