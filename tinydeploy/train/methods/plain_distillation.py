"""Plain Distillation: one teacher looks at the picture itself. See `self_training`."""

from __future__ import annotations

from torch import nn

from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.self_training import self_train


def train_plain_distillation(job: Job) -> nn.Module:
    """The wanted net, see the module's text."""
    return self_train(job, "Plain Distillation", 1, ())
