"""Supervised training on the labelled pictures alone: the baseline, and every teacher."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by
from torch import Tensor, nn

from tinydeploy.train.augment import Augment
from tinydeploy.train.data.training_data import Pictures
from tinydeploy.train.loop import train_stage
from tinydeploy.train.methods.job import Build, Job
from tinydeploy.train.objective import Forward, Objective, draw, to_unit
from tinydeploy.train.settings import Settings

SETTINGS = Settings(steps=300)


class CrossEntropy(Objective):
    """Mean cross-entropy of a batch of augmented pictures.

    Args:
        pictures: To draw from.
        augment: Of each batch.
        batch: Pictures per step.
    """

    def __init__(self, pictures: Pictures, augment: Augment, batch: int) -> None:
        super().__init__()
        self.pictures, self.augment, self.batch = pictures, augment, batch

    def loss(self, forward: Forward, part: float) -> Tensor:
        """See `Objective`."""
        del part
        chosen = draw(len(self.pictures.classes), self.batch)
        classes = torch.from_numpy(self.pictures.classes)[chosen]
        return F.cross_entropy(
            forward(self.augment(to_unit(self.pictures.pixels, chosen))), classes
        )


def train_supervised(job: Job) -> nn.Module:
    """The wanted net, trained on the labelled pictures."""
    return train_labelled(job, "net", job.build, job.settings(SETTINGS))


def train_labelled(job: Job, stage: str, build: Build, settings: Settings) -> nn.Module:
    """A net, trained on the labelled pictures."""
    loss = CrossEntropy(job.data.labelled, job.labelled_augmentation, settings.batch)
    return train_stage(stage, build, loss, settings, job.run)
