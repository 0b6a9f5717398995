"""FixMatch: what a net is sure of in a weakly augmented picture it must say of a strong one.

    loss = CE(labelled, weak) + lambda * mean[p_max(weak) >= tau] CE(strong, argmax p(weak))

Source: Sohn, Berthelot, Li, et al.: FixMatch: Simplifying Semi-Supervised Learning with Consistency
and Confidence (NeurIPS 2020); tau 0.95, lambda 1, mu 7 unlabelled pictures for each labelled one,
SGD with Nesterov's momentum and rate 0.03 are theirs. Distribution alignment is that of ReMixMatch
(Berthelot et al., ICLR 2020), to the frequencies of the labels; FixMatch's authors name it as an
extension for few labels: without it a class may be lost to its neighbour.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by
from torch import Tensor, nn

from tinydeploy.train.loop import train_stage
from tinydeploy.train.methods.job import Job
from tinydeploy.train.objective import Forward, Objective, draw, to_unit
from tinydeploy.train.settings import Settings

SETTINGS = Settings(steps=800, learning_rate=0.03, optimizer="sgd")
THRESHOLD = 0.95
WEIGHT = 1.0
UNLABELLED_RATIO = 7
_MEMORY = 0.95  # of the running mean of predictions


class FixMatchLoss(Objective):
    """See the module's text.

    Args:
        job: The work.
        batch: Labelled pictures per step.
    """

    mean: Tensor

    def __init__(self, job: Job, batch: int) -> None:
        super().__init__()
        self.job, self.batch = job, batch
        classes = len(job.data.labels)
        known = torch.from_numpy(job.data.labelled.classes)
        self.frequencies = torch.bincount(known, minlength=classes) / len(known)
        self.register_buffer("mean", self.frequencies.clone())

    def loss(self, forward: Forward, part: float) -> Tensor:
        """See `Objective`."""
        del part
        job, data = self.job, self.job.data
        chosen = draw(len(data.labelled.classes), self.batch)
        others = draw(len(data.unlabelled), self.batch * UNLABELLED_RATIO)
        unlabelled = to_unit(data.unlabelled, others)
        x = torch.cat(
            [
                job.weak(to_unit(data.labelled.pixels, chosen)),
                job.weak(unlabelled),
                job.strong(unlabelled),
            ]
        )
        count = len(others)
        labelled, weak, strong = torch.split(forward(x), [self.batch, count, count])
        with torch.no_grad():
            sure, guess = self._align(weak.softmax(1)).max(1)
            taken = (sure >= THRESHOLD).float()
        known = F.cross_entropy(labelled, torch.from_numpy(data.labelled.classes)[chosen])
        guessed = (F.cross_entropy(strong, guess, reduction="none") * taken).mean()
        return known + WEIGHT * guessed

    def _align(self, probabilities: Tensor) -> Tensor:
        """Scaled so that their running mean over the batches is that of the labels."""
        self.mean.mul_(_MEMORY).add_((1 - _MEMORY) * probabilities.mean(0))
        aligned = probabilities * (self.frequencies / self.mean)
        return aligned / aligned.sum(1, keepdim=True)


def train_fixmatch(job: Job) -> nn.Module:
    """The wanted net.

    Raises:
        TrainingError: There are no unlabelled pictures.
    """
    job.need_unlabelled("FixMatch")
    settings = job.settings(SETTINGS)
    return train_stage("net", job.build, FixMatchLoss(job, settings.batch), settings, job.run)
