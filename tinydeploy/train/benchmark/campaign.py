"""Runs every combination once, one after the other, and keeps each result in a file of its own.

What is there already is not run again, unless it failed; so an interrupted campaign goes on. A run
that fails is a result that says so. Runs are ordered by seed: the first seed of all methods comes
before the second of any, so that tables of an unfinished campaign compare like with like.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tinydeploy.errors import TinydeployError
from tinydeploy.train.metrics import PseudoLabelCounts, Scores
from tinydeploy.train.state import replace_file
from tinydeploy.train.train_net import TrainRequest, describe_request, train_net


class Deployment(NamedTuple):
    """A trained net on a board, int8.

    Args:
        board: Its name.
        float_accuracy: Percent, of the checkpoint's test pictures.
        int8_accuracy: Likewise.
        ram_bytes: Of the whole firmware.
        flash_bytes: Likewise.
        instructions: Of one inference, counted.
        milliseconds: Estimated; None where the core has no model of time.
    """

    board: str
    float_accuracy: float
    int8_accuracy: float
    ram_bytes: int
    flash_bytes: int
    instructions: int
    milliseconds: float | None


Deploy = Callable[[Path], Deployment]


@dataclass(frozen=True)
class Result:
    """What a run gave.

    Args:
        request: The run.
        scores: Percent; None where it failed.
        seconds: Of the processor.
        error: Why it failed, one line.
        deployment: The net on a board, where that was asked for.
        pseudo_labels: Of methods that label pictures first.
    """

    request: TrainRequest
    scores: Scores | None
    seconds: float
    error: str = ""
    deployment: Deployment | None = None
    pseudo_labels: PseudoLabelCounts | None = None


def run_campaign(
    requests: Sequence[TrainRequest],
    folder: Path,
    watch: Callable[[int, Result], None] = lambda index, result: None,
    deploy: Deploy | None = None,
) -> list[Result]:
    """The results of all runs, in the order of the requests.

    Args:
        requests: What to train.
        folder: Keeps a file per run and, where they are deployed, the nets.
        watch: Is told of each result, with its index, as soon as it is there.
        deploy: Builds a checkpoint for a board; called for the nets of the first seed.
    """
    results: dict[int, Result] = {}
    order = sorted(range(len(requests)), key=lambda index: (requests[index].seed, index))
    for index in order:
        request = requests[index]
        file = folder / f"{name_run(request)}.json"
        kept = _read_result(file, request)
        wanted = deploy if request.seed == requests[order[0]].seed else None
        if kept is None or (wanted is not None and kept.deployment is None):
            kept = _run(request, folder, wanted)
            _write_result(file, kept)
        results[index] = kept
        watch(index, kept)
    return [results[index] for index in range(len(requests))]


def find_results(requests: Sequence[TrainRequest], folder: Path) -> list[Result]:
    """The results that are there, in the order of the requests; nothing is run."""
    found = [_read_result(folder / f"{name_run(request)}.json", request) for request in requests]
    return [result for result in found if result is not None]


def name_run(request: TrainRequest) -> str:
    """A name for its file, which a person can read."""
    labels = "all" if request.labels_per_class is None else str(request.labels_per_class)
    data = Path(request.data).stem
    return (
        f"{data}-{labels}-{request.model}-{request.method}"
        f"-split{request.split_seed}-seed{request.seed}"
    )


def _run(request: TrainRequest, folder: Path, deploy: Deploy | None) -> Result:
    begin = time.process_time()
    output = None if deploy is None else folder / name_run(request)
    deployment = None
    try:
        trained = train_net(request, output)
        if deploy is not None and trained.checkpoint is not None:
            deployment = deploy(trained.checkpoint)
    except (TinydeployError, RuntimeError, MemoryError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return Result(request, None, time.process_time() - begin, reason)
    seconds = time.process_time() - begin
    return Result(request, trained.scores, seconds, "", deployment, trained.pseudo_labels)


def _write_result(file: Path, result: Result) -> None:
    facts: dict[str, Any] = {
        "request": describe_request(result.request),
        "scores": None if result.scores is None else result.scores._asdict(),
        "seconds": round(result.seconds, 1),
        "error": result.error,
        "deployment": None if result.deployment is None else result.deployment._asdict(),
        "pseudo_labels": None if result.pseudo_labels is None else result.pseudo_labels._asdict(),
    }
    replace_file(file, lambda to: to.write((json.dumps(facts, indent=2) + "\n").encode()))


def _read_result(file: Path, request: TrainRequest) -> Result | None:
    """The result of just this request, if it succeeded before."""
    try:
        facts = json.loads(file.read_text("utf-8"))
        if facts["request"] != describe_request(request) or facts["scores"] is None:
            return None
        found = facts.get("deployment")
        deployment = None if found is None else Deployment(**found)
        found = facts.get("pseudo_labels")
        labels = None if found is None else PseudoLabelCounts(**found)
        return Result(request, Scores(**facts["scores"]), facts["seconds"], "", deployment, labels)
    except (OSError, ValueError, KeyError, TypeError):
        return None
