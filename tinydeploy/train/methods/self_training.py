"""Self-training: teachers label what has no label, then the wanted net learns from both.

Teachers are trained on the labelled pictures. Their probabilities for an unlabelled picture, under
each view, are averaged (soft voting); where the greatest mean is above the threshold its class
becomes the picture's label. The wanted net is then trained from scratch on both sets.

Source: Inés, Domínguez, Heras, Mata, Pascual: Biomedical image classification made easier thanks to
transfer and semi-supervised learning (Computer Methods and Programs in Biomedicine 2021), and their
library compact-distillation. Distillation by voting over views: Radosavovic et al.: Data
Distillation (CVPR 2018); over models: Bucilua, Caruana, Niculescu-Mizil: Model Compression (KDD
2006).

The teachers' probabilities are computed in batches. Each labelled picture counts four times a
pseudo-labelled one: there are few, and they are right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinydeploy.errors import TrainingError
from tinydeploy.train.data.training_data import Pictures
from tinydeploy.train.loop import Run, predict_unit, train_stage
from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.supervised import SETTINGS, CrossEntropy, train_labelled
from tinydeploy.train.metrics import PseudoLabelCounts
from tinydeploy.train.objective import to_unit
from tinydeploy.train.settings import Settings

STUDENT = Settings(steps=600, batch=64)
_LABELLED_WEIGHT = 4
_AT_ONCE = 256

View = Callable[[Tensor], Tensor]


class PseudoLabels(NamedTuple):
    """What teachers say of unlabelled pictures.

    Args:
        classes: int64 [n], the most probable one.
        accepted: bool [n], whether its mean probability is above the threshold.
    """

    classes: Tensor
    accepted: Tensor


def self_train(job: Job, method: str, teachers: int, views: Sequence[View]) -> nn.Module:
    """Trains teachers and, with their labels, the wanted net.

    Args:
        job: The work.
        method: Named in errors.
        teachers: So many of the wanted net, where the job names no teachers.
        views: Test-time views beside the picture itself.

    Raises:
        TrainingError: No unlabelled picture, or none that a label could be given to.
    """
    job.need_unlabelled(method)
    builds = job.teachers[:1] if teachers == 1 else job.teachers
    builds = builds or (job.build,) * teachers
    settings = job.settings(SETTINGS, share=SETTINGS.steps / STUDENT.steps)
    nets = [
        train_labelled(job, f"teacher-{index}", build, settings)
        for index, build in enumerate(builds, 1)
    ]
    said = label(nets, views, job)
    accepted = said.accepted.numpy()
    job.run.pseudo_labels.append(count(said, job.data.hidden))
    if not accepted.any():
        raise TrainingError(
            f"no unlabelled picture got a probability above {job.confidence:g}",
            "Lower --confidence, or train the teachers for more --steps, and name another folder "
            "with -o: this one goes on with the same request only.",
        )
    labelled = job.data.labelled
    both = Pictures(
        np.concatenate([labelled.pixels] * _LABELLED_WEIGHT + [job.data.unlabelled[accepted]]),
        np.concatenate([labelled.classes] * _LABELLED_WEIGHT + [said.classes.numpy()[accepted]]),
    )
    wanted = job.settings(STUDENT)
    loss = CrossEntropy(both, job.labelled_augmentation, wanted.batch)
    return train_stage("net", job.build, loss, wanted, job.run)


def count(said: PseudoLabels, hidden: NDArray[np.int64] | None) -> PseudoLabelCounts:
    """How many pictures got a label, and how many of these labels are right.

    Args:
        said: By the teachers.
        hidden: See `TrainingData`.
    """
    accepted = said.accepted.numpy()
    if hidden is None:
        return PseudoLabelCounts(len(accepted), int(accepted.sum()), 0, 0)
    known = accepted & (hidden >= 0)
    right = known & (said.classes.numpy() == hidden)
    return PseudoLabelCounts(len(accepted), int(accepted.sum()), int(known.sum()), int(right.sum()))


def label(nets: Sequence[nn.Module], views: Sequence[View], job: Job) -> PseudoLabels:
    """The vote of all nets under all views, and the picture itself, on the unlabelled pictures."""
    pixels = job.data.unlabelled
    votes = [
        vote(nets, views, to_unit(pixels, indices), job.run)
        for indices in torch.split(torch.arange(len(pixels)), _AT_ONCE)
    ]
    confidence, classes = torch.cat(votes).max(1)
    return PseudoLabels(classes, confidence > job.confidence)


def vote(nets: Sequence[nn.Module], views: Sequence[View], x: Tensor, run: Run) -> Tensor:
    """Mean probabilities [n, classes] for pixels [n, C, H, W] from 0 to 1."""
    seen = [x, *(view(x) for view in views)]
    each = [predict_unit(net, picture, run).softmax(1) for net in nets for picture in seen]
    return torch.stack(each).mean(0)
