"""How a net is trained, whatever the method: steps, optimizer, schedule, averaging."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from tinydeploy.errors import UsageError

Schedule = Literal["cosine", "one-cycle"]
OptimizerName = Literal["adamw", "sgd"]
Precision = Literal["float32", "bfloat16"]

_ONE_CYCLE_RISE = 0.25
_ONE_CYCLE_START = 1 / 25


@dataclass(frozen=True)
class Settings:
    """How one net is trained.

    Args:
        steps: Updates of the weights.
        batch: Labelled pictures per step.
        learning_rate: The greatest.
        optimizer: AdamW, or SGD with Nesterov's momentum 0.9.
        weight_decay: On all parameters.
        schedule: "cosine": from the greatest rate to 0; "one-cycle": up from 1/25 of it in a
            quarter of the steps, then down to 0.
        warmup: In so many steps, at first, the rate rises linearly from 0.
        ema: Decay of the averaged weights, which are the result; min(ema, (1 + t) / (10 + t)).
        precision: "bfloat16" runs the net in mixed precision.
        patience: Stop when so many evaluations in a row were not better than the best, and take
            the best; None: never.
        evaluations: How often the net is tried on the validation pictures.
    """

    steps: int
    batch: int = 32
    learning_rate: float = 2e-3
    optimizer: OptimizerName = "adamw"
    weight_decay: float = 5e-4
    schedule: Schedule = "cosine"
    warmup: int = 20
    ema: float = 0.99
    precision: Precision = "float32"
    patience: int | None = None
    evaluations: int = 10

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "evaluations"):
            if not getattr(self, name) > 0:
                raise UsageError(
                    f"{name.replace('_', ' ')} {getattr(self, name)} is not possible",
                    "It must be greater than 0.",
                )
        if not 0 <= self.ema < 1 or (self.patience is not None and self.patience < 1):
            raise UsageError(
                f"ema {self.ema} with patience {self.patience} is not possible",
                "ema is from 0 up to, not including, 1; patience is 1 or more.",
            )

    def rate(self, step: int) -> float:
        """The learning rate of a step, from 0."""
        part = step / self.steps
        if self.schedule == "one-cycle":
            if part < _ONE_CYCLE_RISE:
                rise = 0.5 * (1 - math.cos(math.pi * part / _ONE_CYCLE_RISE))
                return self.learning_rate * (_ONE_CYCLE_START + (1 - _ONE_CYCLE_START) * rise)
            part = (part - _ONE_CYCLE_RISE) / (1 - _ONE_CYCLE_RISE)
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * part))
        warm = min(1.0, (step + 1) / max(1, self.warmup))
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * part))

    def evaluates(self, step: int) -> bool:
        """Whether the net is tried after this step."""
        every = max(1, self.steps // self.evaluations)
        return (step + 1) % every == 0 or step + 1 == self.steps

    def make_optimizer(self, net: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of a net's parameters."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                net.parameters(),
                self.learning_rate,
                momentum=0.9,
                weight_decay=self.weight_decay,
                nesterov=True,
            )
        return torch.optim.AdamW(
            net.parameters(), self.learning_rate, weight_decay=self.weight_decay
        )
