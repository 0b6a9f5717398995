"""Trains a detector: AdamW, warm-up and cosine over a number of steps, one thread."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.errors import TrainingError
from tinydeploy.train.classifier import repeatable_torch
from tinydeploy.train.detection.detection_data import Draw
from tinydeploy.train.detection.loss import detection_loss, join_maps
from tinydeploy.train.detection.targets import Matcher


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
    draw: Draw,
    recipe: DetectorRecipe,
    progress: Callable[[DetectorProgress], None] | None = None,
) -> nn.Module:
    """Builds and trains a detector; the same arguments, versions and processor give the same one.

    Args:
        build: Makes the network, freshly initialized from torch's random numbers.
        spec: What its outputs mean.
        draw: Gives the next so many inputs, float32 [n, C, H, W], and their objects.
        recipe: How to train.
        progress: Called a hundred times or so; may raise to stop.

    Returns:
        The network, in inference mode.

    Raises:
        TrainingError: The loss is no longer a finite number.
    """
    matcher = Matcher(spec)
    report = max(1, recipe.steps // 100)
    with repeatable_torch(recipe.seed):
        net = build().train()
        optimizer = torch.optim.AdamW(
            net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        total, since = 0.0, 0
        for step in range(recipe.steps):
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
        return net.eval()


def _schedule_rate(recipe: DetectorRecipe, step: int) -> float:
    """Linear warm-up times a cosine from 1 to 0 over all steps."""
    warmup = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    return recipe.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
