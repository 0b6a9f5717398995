"""Knowledge distillation: the net learns a larger teacher's probabilities, softened.

    loss = (1 - a) CE(labelled) + a T^2 KL(teacher / T, net / T) of labelled and unlabelled pictures

Source: Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network (2015). The teacher is
trained on the labelled pictures; as it sees the same augmented picture as the net, unlabelled
pictures teach too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by
from torch import Tensor, nn

from tinydeploy.errors import UsageError
from tinydeploy.train.loop import predict_unit, train_stage
from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.supervised import SETTINGS as TEACHER
from tinydeploy.train.methods.supervised import train_labelled
from tinydeploy.train.objective import Forward, Objective, draw, to_unit
from tinydeploy.train.settings import Settings

SETTINGS = Settings(steps=600)
TEMPERATURE = 4.0
TEACHER_WEIGHT = 0.9
UNLABELLED_RATIO = 2


class TeacherLoss(Objective):
    """See the module's text.

    Args:
        job: The work.
        teacher: The trained teacher.
        batch: Labelled pictures per step.
    """

    def __init__(self, job: Job, teacher: nn.Module, batch: int) -> None:
        super().__init__()
        self.job, self.batch = job, batch
        self._teacher = [teacher]  # in a list: its weights are no part of what this remembers

    def loss(self, forward: Forward, part: float) -> Tensor:
        """See `Objective`."""
        del part
        data, job = self.job.data, self.job
        chosen = draw(len(data.labelled.classes), self.batch)
        x = to_unit(data.labelled.pixels, chosen)
        if len(data.unlabelled):
            others = draw(len(data.unlabelled), self.batch * UNLABELLED_RATIO)
            x = torch.cat([x, to_unit(data.unlabelled, others)])
        x = job.labelled_augmentation(x)
        said = (predict_unit(self._teacher[0], x, job.run) / TEMPERATURE).softmax(1)
        scores = forward(x)
        taught = F.kl_div((scores / TEMPERATURE).log_softmax(1), said, reduction="batchmean")
        known = torch.from_numpy(data.labelled.classes)[chosen]
        told = F.cross_entropy(scores[: self.batch], known)
        return (1 - TEACHER_WEIGHT) * told + TEACHER_WEIGHT * TEMPERATURE**2 * taught


def train_knowledge_distillation(job: Job) -> nn.Module:
    """The wanted net, taught by the job's first teacher.

    Raises:
        UsageError: No teacher is named.
    """
    if not job.teachers:
        raise UsageError(
            "knowledge distillation needs a teacher", "Name a larger net with --teachers NET."
        )
    settings = job.settings(SETTINGS)
    default = job.settings(TEACHER, share=TEACHER.steps / SETTINGS.steps)
    teacher = train_labelled(job, "teacher-1", job.teachers[0], default)
    loss = TeacherLoss(job, teacher, settings.batch)
    return train_stage("net", job.build, loss, settings, job.run)
