"""`tinydeploy train`: a net from pictures, few of them labelled, to a checkpoint for `build`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinydeploy.cli.console import stderr, stdout
from tinydeploy.cli.options import JsonOption, QuietOption
from tinydeploy.cli.train_view import TrainView
from tinydeploy.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from tinydeploy.train.data.training_data import TrainingData
    from tinydeploy.train.train_net import Trained


class MethodChoice(StrEnum):
    """Values of --method; the same words as tinydeploy.train.methods.table.METHODS."""

    SUPERVISED = "supervised"
    PLAIN = "plain"
    DATA = "data"
    MODEL = "model"
    MODEL_DATA = "model-data"
    KNOWLEDGE = "knowledge"
    FIXMATCH = "fixmatch"
    MIXMATCH = "mixmatch"
    QAT = "qat"


class AugmentationChoice(StrEnum):
    """Values of --augmentation."""

    NONE = "none"
    WEAK = "weak"
    STRONG = "strong"


class OptimizerChoice(StrEnum):
    """Values of --optimizer; the same words as tinydeploy.train.settings.OptimizerName."""

    ADAMW = "adamw"
    SGD = "sgd"


class ScheduleChoice(StrEnum):
    """Values of --schedule; the same words as tinydeploy.train.settings.Schedule."""

    COSINE = "cosine"
    ONE_CYCLE = "one-cycle"


class PrecisionChoice(StrEnum):
    """Values of --precision; the same words as tinydeploy.train.settings.Precision."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def train(
    context: typer.Context,
    method: Annotated[
        MethodChoice, typer.Option(metavar="METHOD", help=f"{', '.join(MethodChoice)}.")
    ] = MethodChoice.SUPERVISED,
    model: Annotated[
        str, typer.Option(metavar="NET", help="A name from the zoo, e.g. etinynet-0.75.")
    ] = "plain_cnn",
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help="Labelled pictures: a folder with a subfolder for each class, or train/ and "
            "valid/ with such; a .csv of file,label; a .npz; or digits, faces, which are built in.",
        ),
    ] = "digits",
    unlabelled: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A flat folder of pictures without labels.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Default: out/<net>-<data>."),
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Keep the labels of N training pictures per class, take those of the others away.",
        ),
    ] = None,
    teachers: Annotated[
        str | None,
        typer.Option(metavar="NETS", help="Nets that label or teach, with commas between."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Trained weights of the zoo's net to start from; for qat a model.pt.",
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option(metavar="N", help="Side of the net's input.", show_default="96")
    ] = None,
    gray: Annotated[bool, typer.Option("--gray", help="Make pictures gray.")] = False,
    augmentation: Annotated[
        AugmentationChoice,
        typer.Option(metavar="KIND", help="Of labelled pictures, but in fixmatch and mixmatch."),
    ] = AugmentationChoice.STRONG,
    confidence: Annotated[
        float, typer.Option(metavar="P", help="A pseudo-label needs a probability above this.")
    ] = 0.8,
    views: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Test-time views of data and model-data distillation."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Updates of the net's weights.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Labelled pictures per step.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(metavar="RATE", help="The greatest.")
    ] = None,
    optimizer: Annotated[
        OptimizerChoice | None, typer.Option(metavar="NAME", help="adamw or sgd.")
    ] = None,
    schedule: Annotated[
        ScheduleChoice | None, typer.Option(metavar="NAME", help="cosine or one-cycle.")
    ] = None,
    precision: Annotated[
        PrecisionChoice | None,
        typer.Option(metavar="TYPE", help="float32, or bfloat16: mixed precision."),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Stop when N evaluations in a row are not better; take the best net.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 0,
    split_seed: Annotated[int, typer.Option(min=0, help="Of the split 75/25.")] = 0,
    threads: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of torch. The weights depend on it.")
    ] = 1,
    device: Annotated[str, typer.Option(metavar="NAME", help="cpu or cuda.")] = "cpu",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a classifier from few labels, for `tinydeploy build CHECKPOINT`.

    The same command goes on where it was interrupted.
    """
    if context.invoked_subcommand is not None:
        return
    import_training()
    from tinydeploy.train.train_net import TrainRequest, train_net

    changes: dict[str, Any] = {
        "steps": steps,
        "batch": batch,
        "learning_rate": learning_rate,
        "optimizer": None if optimizer is None else optimizer.value,
        "schedule": None if schedule is None else schedule.value,
        "precision": None if precision is None else precision.value,
        "patience": patience,
    }
    request = TrainRequest(
        method=method.value,
        model=model,
        data=data,
        unlabelled=unlabelled,
        teachers=split_names(teachers),
        weights=weights,
        size=size,
        gray=gray,
        labels_per_class=labels,
        split_seed=split_seed,
        seed=seed,
        augmentation=augmentation.value,
        confidence=confidence,
        views=split_names(views),
        changes={name: value for name, value in changes.items() if value is not None},
        threads=threads,
        device=device,
    )
    output = output or Path("out") / f"{model}-{Path(data).resolve().stem}"
    first = os.environ.get("RANK", "0") == "0"
    with TrainView(quiet=quiet or not first) as view:
        trained = train_net(request, output, view.watch, _teller(quiet=quiet))
    if first:
        _show(trained, model, as_json)


def import_training() -> None:
    """Imports what training needs, or says what is missing.

    Raises:
        MissingDependencyError: A package is not installed.
    """
    try:
        import sklearn  # noqa: F401  # only whether it can be
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"training needs the package {error.name}, which is not installed",
            "Try: pip install 'tinydeploy[train]'.",
        ) from error


def split_names(text: str | None) -> tuple[str, ...]:
    """Names with commas between.

    Raises:
        UsageError: One is empty.
    """
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError(f"'{text}' is no list of names", "Write them with commas between: a,b")
    return names


def _teller(*, quiet: bool) -> Callable[[TrainingData], None]:
    def tell(data: TrainingData) -> None:
        if quiet:
            return
        _, channels, height, width = data.input_shape
        stderr.print(
            f"{data.name}: {len(data.labels)} classes, {len(data.labelled.classes)} labelled and "
            f"{len(data.unlabelled)} unlabelled pictures, {len(data.valid.classes)} to validate "
            f"with; {height}x{width}, {'gray' if channels == 1 else 'colour'}",
            markup=False,
        )
        for note in data.notes:
            stderr.print(f"  ! {note}", markup=False)

    return tell


def _show(trained: Trained, model: str, as_json: bool) -> None:
    scores = trained.scores
    if as_json:
        facts: dict[str, Any] = {"checkpoint": str(trained.checkpoint), **scores._asdict()}
        facts["notes"] = list(trained.notes)
        if trained.pseudo_labels is not None:
            facts["pseudo_labels"] = trained.pseudo_labels._asdict()
        typer.echo(json.dumps(facts, indent=2))
        return
    if trained.pseudo_labels is not None:
        stdout.print(f"pseudo-labels: {trained.pseudo_labels}", markup=False, soft_wrap=True)
    stdout.print(
        f"{model}: {trained.parameters:,} parameters; accuracy {scores.accuracy:.2f} %, macro "
        f"precision {scores.precision:.2f}, recall {scores.recall:.2f}, F1 {scores.f1:.2f}",
        markup=False,
        soft_wrap=True,
    )
    stdout.print(
        f"wrote {trained.checkpoint}; tinydeploy build {trained.checkpoint} --board stm32h743",
        markup=False,
        soft_wrap=True,
    )
