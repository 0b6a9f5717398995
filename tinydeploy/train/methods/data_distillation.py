"""Data Distillation: one teacher looks at the picture and at its views. See `self_training`."""

from __future__ import annotations

from torch import nn

from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.self_training import self_train
from tinydeploy.train.views import choose_views


def train_data_distillation(job: Job) -> nn.Module:
    """The wanted net, see the module's text."""
    return self_train(job, "Data Distillation", 1, choose_views(job.views or job.data.views))
