"""Model Distillation: several teachers look at the picture itself. See `self_training`."""

from __future__ import annotations

from torch import nn

from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.self_training import self_train

# Where no teachers are named: the wanted net, from so many random starts.
TEACHERS = 3


def train_model_distillation(job: Job) -> nn.Module:
    """The wanted net, see the module's text."""
    return self_train(job, "Model Distillation", TEACHERS, ())
