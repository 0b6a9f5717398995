"""MixMatch: guessed labels, sharpened, and everything mixed with everything.

The net's mean prediction for K augmentations of an unlabelled picture is sharpened and becomes the
target of all of them. Labelled and unlabelled pictures, with their targets, are mixed up pairwise:

    x' = l x1 + (1 - l) x2,   l = max(b, 1 - b),   b ~ Beta(alpha, alpha)
    loss = CE(labelled', target') + lambda(t) * mean squared error(softmax(unlabelled'), target')

Source: Berthelot, Carlini, Goodfellow, et al.: MixMatch: A Holistic Approach to Semi-Supervised
Learning (NeurIPS 2019); K 2, T 0.5, alpha 0.75, lambda 75 (for CIFAR-10) and its linear rise are
theirs. Here it rises in the first 40 % of the steps, and l is drawn for each picture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by
from torch import Tensor, nn

from tinydeploy.train.loop import train_stage
from tinydeploy.train.methods.job import Job
from tinydeploy.train.objective import Forward, Objective, draw, to_unit
from tinydeploy.train.settings import Settings

SETTINGS = Settings(steps=1000, batch=64)
AUGMENTATIONS = 2
TEMPERATURE = 0.5
ALPHA = 0.75
WEIGHT = 75.0
_RISE = 0.4


class MixMatchLoss(Objective):
    """See the module's text.

    Args:
        job: The work.
        batch: Labelled pictures per step, and unlabelled ones.
    """

    def __init__(self, job: Job, batch: int) -> None:
        super().__init__()
        self.job, self.batch = job, batch

    def loss(self, forward: Forward, part: float) -> Tensor:
        """See `Objective`."""
        data, augment, batch = self.job.data, self.job.strong, self.batch
        chosen, others = draw(len(data.labelled.classes), batch), draw(len(data.unlabelled), batch)
        labelled = augment(to_unit(data.labelled.pixels, chosen))
        unlabelled = to_unit(data.unlabelled, others)
        seen = [augment(unlabelled) for _ in range(AUGMENTATIONS)]
        classes = torch.from_numpy(data.labelled.classes)[chosen]
        known = F.one_hot(classes, len(data.labels)).float()
        with torch.no_grad():
            guess = torch.stack([forward(x).softmax(1) for x in seen]).mean(0)
            guess = guess ** (1 / TEMPERATURE)
            guess = guess / guess.sum(1, keepdim=True)
        x, targets = mix_up(
            torch.cat([labelled, *seen]), torch.cat([known, *[guess] * AUGMENTATIONS])
        )
        scores = forward(x)
        cross_entropy = -(targets[:batch] * scores[:batch].log_softmax(1)).sum(1).mean()
        error = (scores[batch:].softmax(1) - targets[batch:]).square().mean()
        return cross_entropy + WEIGHT * min(1.0, part / _RISE) * error


def mix_up(x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Each picture [n, ...] and target [n, k] mixed with a random other, its own part at least 1/2.

    Source: Zhang, Cisse, Dauphin, Lopez-Paz: mixup (ICLR 2018).
    """
    share = torch.distributions.Beta(ALPHA, ALPHA).sample((len(x),))
    share = torch.max(share, 1 - share)
    order = torch.randperm(len(x))
    own = share.view(-1, 1, 1, 1)
    mixed = own * x + (1 - own) * x[order]
    return mixed, share[:, None] * targets + (1 - share[:, None]) * targets[order]


def train_mixmatch(job: Job) -> nn.Module:
    """The wanted net.

    Raises:
        TrainingError: There are no unlabelled pictures.
    """
    job.need_unlabelled("MixMatch")
    settings = job.settings(SETTINGS)
    return train_stage("net", job.build, MixMatchLoss(job, settings.batch), settings, job.run)
