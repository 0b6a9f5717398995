"""What every method is given: data, builders of nets, what the user wants otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from tinydeploy.errors import TrainingError, UsageError
from tinydeploy.train.augment import STRONG, WEAK, Augment
from tinydeploy.train.data.training_data import TrainingData
from tinydeploy.train.loop import Run
from tinydeploy.train.settings import Settings

Build = Callable[[], nn.Module]


@dataclass(frozen=True)
class Job:
    """A method's work.

    Args:
        data: What to train with.
        build: Makes the net that is wanted.
        teachers: Make the nets that label or teach; empty: the net that is wanted itself.
        run: Where and with what seed.
        changes: Fields of Settings that the user sets; `steps` are those of the wanted net.
        augmentation: Of labelled pictures in supervised training: "none", "weak" or "strong".
        confidence: A pseudo-label is taken where the probability is greater.
        views: Names of test-time views; empty: those that suit the data.
    """

    data: TrainingData
    build: Build
    run: Run
    teachers: tuple[Build, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    augmentation: str = "strong"
    confidence: float = 0.8
    views: tuple[str, ...] = ()

    def settings(self, default: Settings, share: float = 1.0) -> Settings:
        """A method's settings with the user's changes.

        Args:
            default: Those of the method.
            share: Of the wanted net's steps that this net gets.
        """
        changes = dict(self.changes)
        if "steps" in changes:
            changes["steps"] = math.ceil(share * changes["steps"])
        return replace(default, **changes)

    @property
    def weak(self) -> Augment:
        """The weak augmentation that suits the data."""
        return _find(WEAK, self.data.weak)

    @property
    def strong(self) -> Augment:
        """The strong one."""
        return _find(STRONG, self.data.strong)

    @property
    def labelled_augmentation(self) -> Augment:
        """That of labelled pictures in supervised training."""
        kinds = {"none": WEAK["none"], "weak": self.weak, "strong": self.strong}
        return _find(kinds, self.augmentation)

    def need_unlabelled(self, method: str) -> None:
        """Refuses data without unlabelled pictures.

        Raises:
            TrainingError: There are none.
        """
        if not len(self.data.unlabelled):
            raise TrainingError(
                f"{method} needs pictures without labels, and there are none",
                "Give them with --unlabelled DIR, or take labels away with --labels N.",
            )


def _find(known: Mapping[str, Augment], name: str) -> Augment:
    if name not in known:
        raise UsageError(
            f"'{name}' is no augmentation here", f"There are: {', '.join(sorted(known))}."
        )
    return known[name]
