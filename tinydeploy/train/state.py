"""What a training that was interrupted goes on from: one file, replaced as a whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import torch
from torch import nn

from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.train.objective import Objective


class Stateful(Protocol):
    """A module or an optimizer."""

    def state_dict(self) -> Any:
        """What it remembers."""

    def load_state_dict(self, state_dict: Any) -> Any:
        """Puts it back."""


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
    values = {name: getattr(state, name) for name in _VALUES}
    values["rows"] = [tuple(row) for row in state.rows]
    write_parts(path, {name: getattr(state, name) for name in _MODULES}, values)


def read_state(path: Path, state: State) -> None:
    """Puts a saved state in place.

    Raises:
        InputFileError: The file is damaged, or of another net.
    """
    modules = {name: getattr(state, name) for name in _MODULES}
    values = read_parts(path, modules, (*_VALUES, "rows"))
    state.rows = [Row(*row) for row in values.pop("rows")]
    for name, value in values.items():
        setattr(state, name, value)


def write_parts(path: Path, modules: Mapping[str, Stateful], values: Mapping[str, Any]) -> None:
    """Writes what modules remember, and plain values, as one file that replaces the last."""
    content = {name: module.state_dict() for name, module in modules.items()} | dict(values)
    replace_file(path, lambda file: torch.save(content, file))


def read_parts(path: Path, modules: Mapping[str, Stateful], names: Sequence[str]) -> dict[str, Any]:
    """Puts what `write_parts` wrote back into the modules.

    Args:
        path: The file.
        modules: As they were written, by name.
        names: Of the values.

    Returns:
        The values.

    Raises:
        InputFileError: The file is damaged, or of other modules.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        for name, module in modules.items():
            module.load_state_dict(content[name])
        return {name: content[name] for name in names}
    except Exception as error:  # a damaged file makes torch raise nearly anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputFileError(
            f"cannot go on from {path}: {reason}", "Remove it to train this stage anew."
        ) from error


def claim_run(folder: Path, wanted: Mapping[str, Any], place: Path, *, write: bool) -> None:
    """Goes on with a run of the same request; refuses what another one left.

    Args:
        folder: Of the states.
        wanted: The request, as JSON has it.
        place: What the user named, for the message.
        write: Whether this process writes.

    Raises:
        UsageError: The folder holds another run.
    """
    file = folder / "request.json"
    if file.exists():
        before = json.loads(file.read_text("utf-8"))
        other = sorted(name for name in wanted if before.get(name) != wanted[name])
        if other:
            raise UsageError(
                f"{place} holds a run with another {', '.join(map(_tell, other))}",
                f"Choose another place with -o, or remove {folder}.",
            )
    elif write:
        replace_file(file, lambda to: to.write(json.dumps(wanted, indent=2).encode()))


def _tell(name: str) -> str:
    """A field of a request as people call it."""
    return {"changes": "--steps or other settings"}.get(name, name.replace("_", " "))


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
