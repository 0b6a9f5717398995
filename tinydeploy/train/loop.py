"""The training loop: steps that depend on nothing but the state and their number.

Every step seeds torch's random numbers from the run's seed, the stage's name and its own number. So
a run that was killed goes on from its last saved state to exactly the weights that it would have
had, and no generator needs to be saved.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tinydeploy.errors import TrainingError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.train.classifier import repeatable_torch
from tinydeploy.train.data.training_data import Pictures
from tinydeploy.train.distributed import (
    add_gradients,
    count_processes,
    is_first,
    run_parts,
    share_batch_norm,
)
from tinydeploy.train.metrics import PseudoLabelCounts
from tinydeploy.train.objective import Objective, to_unit
from tinydeploy.train.settings import Settings
from tinydeploy.train.state import Row, State, read_state, write_state

_EVALUATED_AT_ONCE = 256


@dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Args:
        stage: Its name.
        step: Steps done.
        steps: Steps in all.
        loss: Of the last step.
        accuracy: Of the last evaluation on validation pictures, 0 to 1; None before.
    """

    stage: str
    step: int
    steps: int
    loss: float
    accuracy: float | None


@dataclass(frozen=True)
class Run:
    """Where and how the stages of a method are run.

    Args:
        preprocessing: The net's.
        valid: What the nets are tried on.
        seed: Of everything random.
        folder: Where states are kept, to go on after an interruption; None to keep none.
        threads: Of torch; weights depend on it.
        save_seconds: A state is saved when the last is so old.
        device: "cpu" or "cuda".
        watch: Is told of each step.
        rows: What was logged of all stages; grows.
        pseudo_labels: What a method that labels pictures counted of them; grows.
    """

    preprocessing: Preprocessing
    valid: Pictures
    seed: int = 0
    folder: Path | None = None
    threads: int = 1
    save_seconds: float = 30.0
    device: str = "cpu"
    watch: Callable[[Progress], None] = lambda progress: None
    rows: list[Row] = field(default_factory=list)
    pseudo_labels: list[PseudoLabelCounts] = field(default_factory=list)


def train_stage(
    stage: str, build: Callable[[], nn.Module], objective: Objective, settings: Settings, run: Run
) -> nn.Module:
    """Trains a net, or goes on with it where a state was saved, or takes it where it is done.

    Args:
        stage: Names the state's file and the rows of the log; different within a run.
        build: Makes the net, freshly initialized from torch's random numbers.
        objective: The method's loss.
        settings: How to train.
        run: Where, and with what seed.

    Returns:
        The averaged weights, in inference mode.

    Raises:
        TrainingError: The loss is no finite number.
        InputFileError: The saved state is damaged.
    """
    with _fixed_random(run, stage):
        net = build().to(run.device).train()
        share_batch_norm(net)
        average = copy.deepcopy(net)
        path = None if run.folder is None else run.folder / f"{stage}.state"
        state = State(net, average, settings.make_optimizer(net), objective)
        if path is not None and path.exists():
            read_state(path, state)
        if not state.done:
            _train(stage, state, settings, run, path)
    run.rows.extend(state.rows)
    return average.eval()


def predict(net: nn.Module, pixels: Any, run: Run) -> Tensor:
    """Scores, float32 [n, classes], of pictures uint8 [n, H, W, C]; the net in inference mode."""
    was_training = net.training
    net.eval()
    parts = [
        predict_unit(net, to_unit(pixels, indices), run)
        for indices in torch.split(torch.arange(len(pixels)), _EVALUATED_AT_ONCE)
    ]
    net.train(was_training)
    return torch.cat(parts)


def predict_unit(net: nn.Module, x: Tensor, run: Run) -> Tensor:
    """Scores, float32 [n, classes], of a batch of pixels, float32 [n, C, H, W] from 0 to 1."""
    normalize = Normalize(run.preprocessing)
    with torch.no_grad():
        return run_parts(lambda part: net(normalize(part).to(run.device)).float().cpu(), x)


class Normalize:
    """(pixel - mean) / std for pixels float32 [n, C, H, W] from 0 to 1."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self.mean = torch.tensor(preprocessing.mean).view(1, -1, 1, 1) / 255
        self.std = torch.tensor(preprocessing.std).view(1, -1, 1, 1) / 255

    def __call__(self, x: Tensor) -> Tensor:
        """[n, C, H, W] -> the same."""
        return (x - self.mean) / self.std


def _train(stage: str, state: State, settings: Settings, run: Run, path: Path | None) -> None:
    normalize = Normalize(run.preprocessing)
    kind = run.device.partition(":")[0]

    def run_net(part: Tensor) -> Tensor:
        mixed = settings.precision == "bfloat16"
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=mixed):
            scores: Tensor = state.net(normalize(part).to(run.device))
        return scores.float().cpu()

    saved = time.monotonic()
    for step in range(state.step, settings.steps):
        torch.manual_seed(_derive_seed(run.seed, stage, step))
        for group in state.optimizer.param_groups:
            group["lr"] = settings.rate(step)
        loss = state.objective.loss(lambda x: run_parts(run_net, x), step / settings.steps)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        add_gradients(state.net)
        state.optimizer.step()
        _update_average(state.average, state.net, step, settings.ema)
        state.step = step + 1
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss is not a finite number in step {step + 1} of {stage}",
                "Use a smaller --learning-rate.",
            )
        if settings.evaluates(step):
            _evaluate(stage, state, settings, run, value)
        if is_first():
            accuracy = state.rows[-1].accuracy if state.rows else None
            run.watch(Progress(stage, step + 1, settings.steps, value, accuracy))
        if settings.patience is not None and state.stale >= settings.patience:
            break
        due = time.monotonic() - saved >= run.save_seconds
        if path is not None and due and is_first():
            write_state(path, state)
            saved = time.monotonic()
    if state.best is not None:
        state.average.load_state_dict(state.best)
    state.done = True
    if path is not None and is_first():
        write_state(path, state)


def _evaluate(stage: str, state: State, settings: Settings, run: Run, loss: float) -> None:
    scores = predict(state.average, run.valid.pixels, run)
    right = (scores.argmax(1).numpy() == run.valid.classes).mean()
    state.rows.append(Row(stage, state.step, loss, settings.rate(state.step - 1), float(right)))
    if right > state.best_accuracy:
        state.best_accuracy, state.stale = float(right), 0
        if settings.patience is not None:
            state.best = copy.deepcopy(state.average.state_dict())
    else:
        state.stale += 1


@torch.no_grad()
def _update_average(average: nn.Module, net: nn.Module, step: int, decay: float) -> None:
    decay = min(decay, (1 + step) / (10 + step))
    for kept, new in zip(average.parameters(), net.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)
    for copied, value in zip(average.buffers(), net.buffers(), strict=True):
        copied.copy_(value)


@contextmanager
def _fixed_random(run: Run, stage: str) -> Iterator[None]:
    with repeatable_torch(_derive_seed(run.seed, stage, -1)):
        torch.set_num_threads(run.threads)
        if count_processes() > 1 or run.device != "cpu":
            torch.use_deterministic_algorithms(True, warn_only=True)
        yield


def _derive_seed(seed: int, stage: str, step: int) -> int:
    digest = hashlib.sha256(f"{seed} {stage} {step}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
