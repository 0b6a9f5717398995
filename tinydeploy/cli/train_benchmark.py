"""`tinydeploy train benchmark`: methods and networks compared on data sets, over seeds."""

from __future__ import annotations

from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinydeploy.board import load_board
from tinydeploy.cli.console import StageView, stderr, stdout
from tinydeploy.cli.options import QuietOption
from tinydeploy.cli.train import AugmentationChoice, import_training, split_names
from tinydeploy.errors import InternalError, TrainingError, UsageError
from tinydeploy.pipeline import BuildRequest, build_image

if TYPE_CHECKING:
    from tinydeploy.train.benchmark.campaign import Deployment, Result


_AFTER_FAILURE = "Its options are those of `tinydeploy train`, which says more of one run."


def benchmark(
    data: Annotated[
        str, typer.Option(metavar="DATA", help="Data sets as for train, with commas between.")
    ] = "digits",
    networks: Annotated[
        str, typer.Option(metavar="NETS", help="Networks, with commas between.")
    ] = "plain_cnn",
    methods: Annotated[
        str, typer.Option(metavar="NAMES", help="Methods, with commas between.")
    ] = "supervised,plain,data,model,model-data,fixmatch,mixmatch",
    labels: Annotated[
        str,
        typer.Option(metavar="NUMBERS", help="Labels per class, with commas between; or all."),
    ] = "75",
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Seeds of each.")] = 1,
    first_seed: Annotated[int, typer.Option(min=0, metavar="N", help="The first seed.")] = 0,
    split_seed: Annotated[int, typer.Option(min=0, help="Of the split 75/25.")] = 0,
    teachers: Annotated[str | None, typer.Option(metavar="NETS", help="As for train.")] = None,
    size: Annotated[int | None, typer.Option(metavar="N", help="Side of the inputs.")] = None,
    augmentation: Annotated[
        AugmentationChoice, typer.Option(metavar="KIND", help="As for train.")
    ] = AugmentationChoice.STRONG,
    confidence: Annotated[
        float, typer.Option(min=0, max=1, metavar="P", help="As for train.")
    ] = 0.8,
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="As for train.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Keeps runs and tables.")
    ] = Path("out/train-benchmark"),
    board: Annotated[
        str | None,
        typer.Option(
            "--board", "-b", metavar="BOARD", help="Build the first seed's nets for it: int8, RAM."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Of torch.")] = 1,
    quiet: QuietOption = False,
) -> None:
    """Compare methods and networks: tables in Markdown, CSV and as a picture.

    The same command goes on where it was interrupted; runs that failed are tried again.
    """
    import_training()
    from tinydeploy.train.benchmark.campaign import name_run, run_campaign
    from tinydeploy.train.benchmark.plot import draw_results
    from tinydeploy.train.benchmark.tables import write_csv, write_markdown
    from tinydeploy.train.methods.table import find_method
    from tinydeploy.train.state import replace_file
    from tinydeploy.train.train_net import TrainRequest

    for method in split_names(methods):
        find_method(method)
    changes: dict[str, Any] = {} if steps is None else {"steps": steps}
    requests = [
        TrainRequest(
            method=method,
            model=net,
            data=name,
            teachers=split_names(teachers),
            size=size,
            labels_per_class=count,
            split_seed=split_seed,
            seed=seed,
            augmentation=augmentation.value,
            confidence=confidence,
            changes=changes,
            threads=threads,
        )
        for name, count, net, method, seed in product(
            split_names(data),
            _parse_labels(labels),
            split_names(networks),
            split_names(methods),
            range(first_seed, first_seed + seeds),
        )
    ]
    done: dict[int, Result] = {}

    def write() -> str:
        results = [done[index] for index in sorted(done)]
        tables = write_markdown(results)
        for name, text in (
            ("results.md", tables),
            ("results.csv", write_csv(results)),
            ("results.svg", draw_results(results)),
        ):
            replace_file(output / name, lambda to, text=text: to.write(text.encode()))  # type: ignore[misc]
        return tables

    def watch(index: int, result: Result) -> None:
        done[index] = result
        if not quiet:
            score = result.error or f"accuracy {getattr(result.scores, 'accuracy', 0):.2f} %"
            stderr.print(
                f"{len(done)}/{len(requests)} {name_run(result.request)}: {score}, "
                f"{result.seconds:.0f} s",
                markup=False,
                soft_wrap=True,
            )
        write()

    deploy = None if board is None else partial(_deploy, load_board(board).name)
    run_campaign(requests, output / "runs", watch, deploy)
    stdout.print(write(), markup=False, soft_wrap=True)
    if all(result.error for result in done.values()):
        raise TrainingError(f"no run succeeded; the first: {done[min(done)].error}", _AFTER_FAILURE)


def _deploy(board: str, checkpoint: Path) -> Deployment:
    """What a checkpoint is on a board: built, run in the emulated board and proven, not kept."""
    from tinydeploy.train.benchmark.campaign import Deployment

    request = BuildRequest(board, str(checkpoint), keep=False)
    report = build_image(request, StageView(quiet=True)).report
    if report.accuracy is None or report.inference is None:
        raise InternalError("a checkpoint with test pictures was built without their accuracy")
    return Deployment(
        board=board,
        float_accuracy=100 * report.accuracy.float,
        int8_accuracy=100 * report.accuracy.int8,
        ram_bytes=report.memory.ram_bytes,
        flash_bytes=report.memory.flash_bytes,
        instructions=report.inference.instructions,
        milliseconds=report.inference.latency_ms_estimated,
    )


def _parse_labels(text: str) -> tuple[int | None, ...]:
    counts: list[int | None] = []
    for word in split_names(text):
        if word != "all" and not (word.isascii() and word.isdigit() and int(word) > 0):
            raise UsageError(
                f"--labels '{text}' is no list of numbers", "Write them so: --labels 4,10,all"
            )
        counts.append(None if word == "all" else int(word))
    return tuple(counts)
