"""Refuses a net of the zoo that is too large for a board before anything is loaded or trained."""

from __future__ import annotations

from pathlib import Path

from tinydeploy.board import Board
from tinydeploy.errors import TinydeployError
from tinydeploy.plan.flash import check_parameters

_FILES = {".tflite", ".onnx", ".keras", ".h5"}


def check_zoo_size(model: str | None, board: Board, max_flash: int | None) -> None:
    """Compares the parameters of a net that is named with the flash there is.

    Other models, and names that the zoo does not know, are left to `make_source`.

    Args:
        model: As the user names it, see `make_source`.
        board: The board.
        max_flash: Bytes that the user allows; None for what there is.

    Raises:
        BudgetError: More parameters than bytes of flash.
    """
    if model is None or ":" in model or Path(model).suffix in _FILES:
        return
    if Path(model).exists() and Path(model).suffix != ".json":
        return
    try:
        from tinydeploy.zoo.counts import CountBook
        from tinydeploy.zoo.registry import find_model

        entry = find_model(model)
        book = CountBook()
        counts = book.count(entry)
    except (TinydeployError, ModuleNotFoundError):  # which the stage that makes the model tells
        return
    book.save()
    check_parameters(model, counts.parameters, board, max_flash)
