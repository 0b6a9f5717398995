"""Trains a detector: AdamW, warm-up and cosine over a number of steps, one thread.

What a run that was killed goes on from is one file: weights, the optimizer, and the generator of
the pictures, so that it ends in the weights that it would have had.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.errors import TrainingError
from tinydeploy.train.classifier import repeatable_torch
from tinydeploy.train.detection.detection_data import MakeDraw
from tinydeploy.train.detection.loss import detection_loss, join_maps
from tinydeploy.train.detection.targets import Matcher
from tinydeploy.train.state import Stateful, read_parts, write_parts

SAVE_SECONDS = 30.0
_VALUES = ("step", "total", "since", "numbers")


@dataclass(frozen=True)
class DetectorRecipe:
    """How a detector is trained.

    Args:
        steps: Batches.
        batch_size: Pictures per batch.
        learning_rate: At the end of the warm-up.
        weight_decay: AdamW's, on all parameters.
        warmup_steps: The learning rate rises linearly for so long, while the cosine falls.
        seed: Of the initial weights and the pictures.
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    seed: int


@dataclass(frozen=True)
class DetectorProgress:
    """How far training is.

    Args:
        step: Steps done, from 1.
        steps: Steps in all.
        loss: Mean over the steps since the last report.
    """

    step: int
    steps: int
    loss: float


def train_detector(
    build: Callable[[], nn.Module],
    spec: DetectionSpec,
    make_draw: MakeDraw,
    recipe: DetectorRecipe,
    progress: Callable[[DetectorProgress], None] | None = None,
    state: Path | None = None,
) -> nn.Module:
    """Builds and trains a detector; the same arguments, versions and processor give the same one.

    Args:
        build: Makes the network, freshly initialized from torch's random numbers.
        spec: What its outputs mean.
        make_draw: See `DetectionData`.
        recipe: How to train.
        progress: Called a hundred times or so; may raise to stop.
        state: File to go on from where it is there, written again and again; None for none.

    Returns:
        The network, in inference mode.

    Raises:
        TrainingError: The loss is no longer a finite number.
        InputFileError: The state is damaged.
    """
    matcher = Matcher(spec)
    report = max(1, recipe.steps // 100)
    with repeatable_torch(recipe.seed):
        net = build().train()
        optimizer = torch.optim.AdamW(
            net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        numbers = np.random.default_rng(recipe.seed)
        draw = make_draw(numbers)
        first, total, since = 0, 0.0, 0
        parts: dict[str, Stateful] = {"net": net, "optimizer": optimizer}
        if state is not None and state.exists():
            saved = read_parts(state, parts, _VALUES)
            first, total, since = saved["step"], saved["total"], saved["since"]
            numbers.bit_generator.state = json.loads(saved["numbers"])
        saved_at = time.monotonic()
        for step in range(first, recipe.steps):
            for group in optimizer.param_groups:
                group["lr"] = _schedule_rate(recipe, step)
            inputs, scenes = draw(recipe.batch_size)
            right = [torch.from_numpy(target) for target in matcher.match(scenes)]
            logits, offsets = join_maps(net(torch.from_numpy(inputs)), len(spec.classes))
            loss = detection_loss(logits, offsets, right[0], right[1])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total, since = total + float(loss.detach()), since + 1
            if not math.isfinite(total):
                raise TrainingError(
                    f"the loss is not a finite number in step {step + 1}",
                    "Use a smaller learning rate.",
                )
            if progress is not None and ((step + 1) % report == 0 or step + 1 == recipe.steps):
                progress(DetectorProgress(step + 1, recipe.steps, total / since))
                total, since = 0.0, 0
            due = time.monotonic() - saved_at >= SAVE_SECONDS or step + 1 == recipe.steps
            if state is not None and due:
                generator = json.dumps(numbers.bit_generator.state)
                write_parts(
                    state,
                    parts,
                    {"step": step + 1, "total": total, "since": since, "numbers": generator},
                )
                saved_at = time.monotonic()
        return net.eval()


def _schedule_rate(recipe: DetectorRecipe, step: int) -> float:
    """Linear warm-up times a cosine from 1 to 0 over all steps."""
    warmup = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    return recipe.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
