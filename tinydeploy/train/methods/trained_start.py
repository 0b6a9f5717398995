"""The checkpoint that a method goes on from, and whether it fits what is asked for."""

from __future__ import annotations

from pathlib import Path

from tinydeploy.errors import UsageError
from tinydeploy.train.checkpoint import Checkpoint, read_checkpoint
from tinydeploy.train.data.training_data import TrainingData

# Methods that train on what `tinydeploy train` made before.
_METHODS = ("qat",)


def read_start(method: str, model: str, weights: Path | None) -> Checkpoint | None:
    """The checkpoint to go on from; None for methods that start anew.

    Raises:
        UsageError: None is named, or it is one of another net.
        InputFileError: It is damaged, or no checkpoint.
    """
    if method not in _METHODS:
        return None
    if weights is None:
        raise UsageError(
            f"{method} goes on from a trained net, and none is named",
            "Train it by another method first, then give its model.pt with --weights.",
        )
    start = read_checkpoint(weights)
    if start.net != model:
        raise UsageError(
            f"{weights} is a {start.net}, not a {model}", f"Write --model {start.net}."
        )
    return start


def check_start(start: Checkpoint, data: TrainingData, path: str) -> None:
    """Refuses data of other classes or pictures than the checkpoint's.

    Raises:
        UsageError: They differ.
    """
    if start.labels != data.labels:
        raise UsageError(
            f"{path} tells {_list(start.labels)}, and the data have {_list(data.labels)}",
            "Give the --data that it was trained with, or others with the same classes.",
        )
    if start.input_shape != data.input_shape:
        had, got = (f"{s[2]}x{s[3]}x{s[1]}" for s in (start.input_shape, data.input_shape))
        gray = " --gray" if start.input_shape[1] == 1 else ""
        raise UsageError(
            f"{path} takes pictures of {had}, and the data were made {got}",
            f"Write --size {start.input_shape[2]}{gray}.",
        )


def _list(labels: tuple[str, ...]) -> str:
    shown = ", ".join(labels[:5])
    return f"{shown}, ... ({len(labels)} classes)" if len(labels) > 5 else shown
