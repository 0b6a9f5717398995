"""Trains a small classifier: AdamW, warm-up and cosine, random affine augmentation, one thread."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by
from torch import Tensor, nn

from tinydeploy.errors import TrainingError


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained.

    Args:
        epochs: Passes over the data.
        batch_size: Inputs per step; each epoch leaves out a few that do not fill one.
        learning_rate: At the end of the warm-up.
        weight_decay: AdamW's, on all parameters.
        warmup_epochs: The learning rate rises linearly for so long, while the cosine falls.
        max_shift: Largest shift, as a fraction of the picture's side.
        max_rotation: Largest rotation, degrees.
        max_log_scale: Largest natural logarithm of the scale.
        background: Input value of what an augmentation moves into the picture.
        seed: Of the initial weights, the order and the augmentation.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_epochs: int
    max_shift: float
    max_rotation: float
    max_log_scale: float
    background: float
    seed: int


@dataclass(frozen=True)
class Progress:
    """How far training is.

    Args:
        epoch: Epochs done, from 1.
        epochs: Epochs in all.
        loss: Mean cross-entropy over the epoch's augmented inputs.
        accuracy: Part of them that was classified correctly, 0 to 1.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float


@contextmanager
def repeatable_torch(seed: int) -> Iterator[None]:
    """Within it torch uses one thread, deterministic algorithms and random numbers from `seed`.

    What it changes is global to the process and is put back afterwards. Accuracy would depend on
    the number of threads; and one is faster than several where the cores are shared.
    """
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(threads)


def train_classifier(
    build: Callable[[], nn.Module],
    inputs: Tensor,
    classes: Tensor,
    recipe: Recipe,
    progress: Callable[[Progress], None] | None = None,
) -> nn.Module:
    """Builds and trains a network; the same arguments, versions and processor give the same one.

    Args:
        build: Makes the network, freshly initialized from torch's random numbers.
        inputs: float32 [n, C, H, W].
        classes: int64 [n].
        recipe: How to train.
        progress: Called behind each epoch; may raise to stop.

    Returns:
        The network, in inference mode.

    Raises:
        TrainingError: The loss is no longer a finite number, or there is less than one batch.
    """
    steps = len(inputs) // recipe.batch_size
    if steps == 0:
        raise TrainingError(
            f"{len(inputs)} training inputs do not fill a batch of {recipe.batch_size}",
            "Give more data or a smaller batch size.",
        )
    with repeatable_torch(recipe.seed):
        net = build().train()
        optimizer = torch.optim.AdamW(
            net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        for epoch in range(recipe.epochs):
            order = torch.randperm(len(inputs))
            total_loss, correct = 0.0, 0
            for step in range(steps):
                batch = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
                rate = _schedule_rate(recipe, epoch * steps + step, steps)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                logits = net(_augment(inputs[batch], recipe))
                loss = F.cross_entropy(logits, classes[batch])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                total_loss += float(loss.detach())
                correct += int((logits.argmax(1) == classes[batch]).sum())
            if not math.isfinite(total_loss):
                raise TrainingError(
                    f"the loss is not a finite number in epoch {epoch + 1}",
                    "Use a smaller learning rate.",
                )
            if progress is not None:
                progress(
                    Progress(
                        epoch=epoch + 1,
                        epochs=recipe.epochs,
                        loss=total_loss / steps,
                        accuracy=correct / (steps * recipe.batch_size),
                    )
                )
        return net.eval()


def _schedule_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Linear warm-up times a cosine from 1 to 0 over all steps."""
    warmup = min(1.0, (step + 1) / max(1, recipe.warmup_epochs * steps_per_epoch))
    cosine = 0.5 * (1 + math.cos(math.pi * step / (recipe.epochs * steps_per_epoch)))
    return recipe.learning_rate * warmup * cosine


def _augment(inputs: Tensor, recipe: Recipe) -> Tensor:
    """Each input shifted, rotated and scaled by its own random amounts."""
    count = len(inputs)

    def draw(limit: float) -> Tensor:
        return (2 * torch.rand(count) - 1) * limit

    angle = draw(math.radians(recipe.max_rotation))
    scale = torch.exp(draw(recipe.max_log_scale))
    # affine_grid measures from -1 to 1, so a side is 2 long.
    right, down = draw(2 * recipe.max_shift), draw(2 * recipe.max_shift)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    rows = [torch.stack([cosine, -sine, right], 1), torch.stack([sine, cosine, down], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(inputs.shape), align_corners=False)
    # Outside of the picture grid_sample sees 0: make that the background.
    shifted = inputs - recipe.background
    return F.grid_sample(shifted, grid, align_corners=False) + recipe.background
