"""From a request, data, net and method by name, to a trained checkpoint in a folder.

The folder holds, when all is done:

    model.pt       the checkpoint, for `tinydeploy build`
    log.csv        stage, step, loss, rate, accuracy
    curves.svg     the same as a picture
    report.json    request, scores, counts, notes
    stages/        what an interrupted run goes on from
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tinydeploy.errors import UsageError
from tinydeploy.train.checkpoint import Checkpoint, make_checkpoint, write_checkpoint
from tinydeploy.train.curves import draw_curves
from tinydeploy.train.data.load import load_training_data
from tinydeploy.train.data.training_data import TrainingData
from tinydeploy.train.distributed import is_first, process_group, wait_for_all
from tinydeploy.train.loop import Progress, Run, predict
from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.table import find_method
from tinydeploy.train.methods.trained_start import check_start, read_start
from tinydeploy.train.metrics import PseudoLabelCounts, Scores, measure_scores
from tinydeploy.train.nets import build_net, count_parameters, find_net
from tinydeploy.train.state import Row, claim_run, replace_file


@dataclass(frozen=True)
class TrainRequest:
    """What to train, how, with what.

    Args:
        method: A name from METHODS.
        model: A name that `build_net` knows.
        data: "digits", "faces" or a path, see `load_training_data`.
        unlabelled: A flat folder of pictures without labels.
        teachers: Names of nets that label or teach; empty: the model itself.
        weights: Trained weights to start the model from; for "qat" a checkpoint of this model.
        size: Side of the inputs.
        gray: Make pictures gray.
        labels_per_class: So many keep their labels; None: all.
        split_seed: Of the split 75/25.
        seed: Of everything else that is random.
        augmentation: Of labelled pictures: "none", "weak" or "strong".
        weak: The weak augmentation; None: what suits the data.
        strong: The strong one; likewise.
        confidence: A pseudo-label is taken where the probability is greater.
        views: Names of test-time views; empty: those that suit the data.
        changes: Fields of Settings that differ from the method's.
        threads: Of torch.
        save_seconds: A state is saved when the last is so old.
        device: "cpu" or "cuda".
    """

    method: str
    model: str
    data: str
    unlabelled: Path | None = None
    teachers: tuple[str, ...] = ()
    weights: Path | None = None
    size: int | None = None
    gray: bool = False
    labels_per_class: int | None = None
    split_seed: int = 0
    seed: int = 0
    augmentation: str = "strong"
    weak: str | None = None
    strong: str | None = None
    confidence: float = 0.8
    views: tuple[str, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    save_seconds: float = 30.0
    device: str = "cpu"


@dataclass(frozen=True)
class Trained:
    """What a training ends in.

    Args:
        checkpoint: The file, for `tinydeploy build`; None where no folder was given.
        scores: On the validation pictures.
        parameters: Of the net.
        labelled: Pictures with labels that were trained with.
        unlabelled: Pictures without.
        notes: What the user should know.
        net: In inference mode.
        pseudo_labels: Of a method that labels pictures first; else None.
    """

    checkpoint: Path | None
    scores: Scores
    parameters: int
    labelled: int
    unlabelled: int
    notes: tuple[str, ...]
    net: nn.Module
    pseudo_labels: PseudoLabelCounts | None = None


def train_net(
    request: TrainRequest,
    output: Path | None = None,
    watch: Callable[[Progress], None] = lambda progress: None,
    tell: Callable[[TrainingData], None] = lambda data: None,
) -> Trained:
    """Trains a net; the same request goes on where it was interrupted.

    Args:
        request: What to do.
        output: The folder; None to keep nothing.
        watch: Is told of each step.
        tell: Is shown the data before training begins.

    Raises:
        UsageError: Something in the request makes no sense, or the folder holds another run.
        InputFileError: Data cannot be read.
        TrainingError: Training or its data went wrong.
    """
    with process_group():
        _check_request(request)
        start = read_start(request.method, request.model, request.weights)
        data = _load_data(request, start)
        if start is not None:
            check_start(start, data, str(request.weights))
        if output is not None:
            _claim_folder(output, request)
        if is_first():
            tell(data)
        run = Run(
            preprocessing=data.preprocessing,
            valid=data.valid,
            seed=request.seed,
            folder=None if output is None else output / "stages",
            threads=request.threads,
            save_seconds=request.save_seconds,
            device=request.device,
            watch=watch,
        )
        job = _make_job(request, data, run, start)
        net = find_method(request.method).train(job)
        predicted = predict(net, data.valid.pixels, run).argmax(1).numpy()
        scores = measure_scores(predicted, data.valid.classes)
        net.cpu()
        trained = Trained(
            checkpoint=None if output is None else output / "model.pt",
            scores=scores,
            parameters=count_parameters(net),
            labelled=len(data.labelled.classes),
            unlabelled=len(data.unlabelled),
            notes=data.notes,
            net=net,
            pseudo_labels=run.pseudo_labels[-1] if run.pseudo_labels else None,
        )
        if output is not None and is_first():
            _write_results(output, request, data, trained, run.rows)
        wait_for_all()
    return trained


def _check_request(request: TrainRequest) -> None:
    """What can be wrong is told before any data is read."""
    find_method(request.method)
    for name in (request.model, *request.teachers):
        find_net(name)
    cuda = request.device == "cuda" and torch.cuda.is_available()
    if request.device != "cpu" and not cuda:
        raise UsageError(
            f"there is no device '{request.device}' here",
            "It is cpu, or cuda where torch was installed with it and a GPU is there.",
        )
    if not 0 <= request.confidence < 1:
        raise UsageError(
            f"a confidence of {request.confidence:g} is not possible",
            "It is a probability, from 0 up to, not including, 1.",
        )


def _load_data(request: TrainRequest, start: Checkpoint | None) -> TrainingData:
    pretrained = None
    if start is not None:
        pretrained = start.preprocessing
    elif request.weights is not None:
        own = find_net(request.model).preprocessing
        pretrained = None if own is None else replace(own, fit="stretch")
    data = load_training_data(
        request.data,
        unlabelled=request.unlabelled,
        size=request.size,
        gray=request.gray,
        labels_per_class=request.labels_per_class,
        split_seed=request.split_seed,
        label_seed=request.seed,
        preprocessing=pretrained,
    )
    return replace(data, weak=request.weak or data.weak, strong=request.strong or data.strong)


def _make_job(request: TrainRequest, data: TrainingData, run: Run, start: Checkpoint | None) -> Job:
    _, channels, height, width = data.input_shape
    build = partial(build_net, classes=len(data.labels), channels=channels, size=(height, width))
    return Job(
        data=data,
        build=partial(build, request.model, weights=request.weights)
        if start is None
        else start.make_net,
        run=run,
        teachers=tuple(partial(build, name) for name in request.teachers),
        changes=request.changes,
        augmentation=request.augmentation,
        confidence=request.confidence,
        views=request.views,
    )


def describe_request(request: TrainRequest) -> dict[str, Any]:
    """The request as JSON has it."""
    facts = asdict(request) | {"changes": dict(request.changes)}
    return json.loads(json.dumps(facts, default=str))  # type: ignore[no-any-return]


def _claim_folder(output: Path, request: TrainRequest) -> None:
    """Goes on with a run of the same request; refuses the folder of another."""
    # Neither of these changes what comes out.
    free = ("save_seconds", "device")
    wanted = {name: value for name, value in describe_request(request).items() if name not in free}
    claim_run(output / "stages", wanted, output, write=is_first())


def _write_results(
    output: Path, request: TrainRequest, data: TrainingData, trained: Trained, rows: list[Row]
) -> None:
    facts = {
        "request": describe_request(request),
        "scores": trained.scores._asdict(),
        "parameters": trained.parameters,
        "labelled": trained.labelled,
        "unlabelled": trained.unlabelled,
        "validation": len(data.valid.classes),
        "labels": list(data.labels),
        "notes": list(data.notes),
    }
    if trained.pseudo_labels is not None:
        facts["pseudo_labels"] = trained.pseudo_labels._asdict()
    log = io.StringIO()
    writer = csv.writer(log)
    writer.writerow(Row._fields)
    writer.writerows(rows)
    name = f"{request.model}-{data.name}"
    checkpoint = make_checkpoint(name, request.model, trained.net, data, facts)
    for file, text in (
        ("log.csv", log.getvalue()),
        ("curves.svg", draw_curves(rows)),
        ("report.json", json.dumps(facts, indent=2) + "\n"),
    ):
        replace_file(output / file, lambda to, text=text: to.write(text.encode()))  # type: ignore[misc]
    write_checkpoint(output / "model.pt", checkpoint)
