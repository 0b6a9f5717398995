"""`tinydeploy train detection`: a detector from pictures with marked objects."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinydeploy.cli.console import stderr, stdout
from tinydeploy.cli.options import JsonOption, QuietOption
from tinydeploy.cli.train import import_training
from tinydeploy.cli.train_view import TrainView
from tinydeploy.errors import UsageError

if TYPE_CHECKING:
    from tinydeploy.train.detection.train_detector import DetectorProgress
    from tinydeploy.train.detection.train_marked import TrainedDetector

_SUFFIX = ".pt"


def detection(
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help="A folder of the VOC format (Annotations/*.xml, JPEGImages/) or of the COCO "
            "format (annotations/*.json); or digits: scenes of them, which are built in.",
        ),
    ] = "digits",
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NET",
            help="etinynet-ssd: colour, 256x256; etinynet-ssd-small: gray, 96x96. "
            "Default: the small one for digits, else the large one.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.pt", help="Default: out/<net>-<data>.pt."),
    ] = None,
    backbone: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights of etinynet-1.0 to start etinynet-ssd from."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Updates of the net's weights.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Pictures per step. Default: 32.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, max=10, metavar="RATE", help="The greatest.")
    ] = None,
    mirror: Annotated[
        bool, typer.Option(help="Mirror half of a folder's pictures: not for what has a side.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a detector, for `tinydeploy build FILE.pt --task detection`.

    The same command goes on where it was interrupted.
    """
    import_training()
    from tinydeploy.train.detection.checkpoint import write_checkpoint
    from tinydeploy.train.detection.scene_model import RECIPE
    from tinydeploy.train.detection.train_marked import (
        DIGITS,
        PICTURE_RECIPE,
        load_training_data,
        train_marked,
    )
    from tinydeploy.train.loop import Progress
    from tinydeploy.train.state import claim_run

    digits = data == DIGITS
    model = model or ("etinynet-ssd-small" if digits else "etinynet-ssd")
    output = output or Path("out") / f"{model}-{Path(data).resolve().stem}{_SUFFIX}"
    if output.suffix != _SUFFIX or output.is_dir():
        raise UsageError(f"{output} is no {_SUFFIX} file", f"Write --output net{_SUFFIX}.")
    changes: dict[str, Any] = {"steps": steps, "batch_size": batch, "learning_rate": learning_rate}
    recipe = replace(
        RECIPE if digits else PICTURE_RECIPE,
        seed=seed,
        **{name: value for name, value in changes.items() if value is not None},
    )
    found = load_training_data(data, model, mirror=mirror)
    if not quiet:
        tests = 0 if found.test is None else len(found.test.inputs)
        stderr.print(f"{data}: {len(found.spec.classes)} classes, {tests} pictures to test with")
        for note in found.notes:
            stderr.print(f"  ! {note}", markup=False)
    request = {"data": data, "model": model, "backbone": backbone, "mirror": mirror}

    def keep_state() -> Path:
        stages = output.with_suffix(".stages")
        wanted = json.loads(json.dumps(request | asdict(recipe), default=str))
        claim_run(stages, wanted, output, write=True)
        return stages / "net.state"

    with TrainView(quiet=quiet) as view:

        def watch(progress: DetectorProgress) -> None:
            view.watch(Progress("net", progress.step, progress.steps, progress.loss, None))

        trained = train_marked(found, model, recipe, backbone, watch, keep_state)
    write_checkpoint(output, trained.detector)
    _show(trained, output, data if not digits else None, as_json)


def _show(trained: TrainedDetector, output: Path, folder: str | None, as_json: bool) -> None:
    found = trained.precision
    if as_json:
        facts = {
            "checkpoint": str(output),
            "classes": trained.detector.spec.classes,
            "map_50": None if found is None else found.at_half,
            "map_50_95": None if found is None else found.coco,
            "notes": trained.notes,
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    if found is not None:
        stdout.print(
            f"mAP@0.5 {100 * found.at_half:.2f} %, mAP@[.5:.95] {100 * found.coco:.2f} %; "
            f"{found.images} pictures, {found.objects} objects",
            markup=False,
        )
    data = "" if folder is None else f" --data {folder}"
    stdout.print(
        f"wrote {output}; tinydeploy build {output} --task detection{data} --board stm32h743",
        markup=False,
        soft_wrap=True,
    )
