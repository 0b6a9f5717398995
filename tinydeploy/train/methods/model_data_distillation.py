"""ModelData Distillation: several teachers look at the picture and at its views.

See `self_training`.
"""

from __future__ import annotations

from torch import nn

from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.model_distillation import TEACHERS
from tinydeploy.train.methods.self_training import self_train
from tinydeploy.train.views import choose_views


def train_model_data_distillation(job: Job) -> nn.Module:
    """The wanted net, see the module's text."""
    return self_train(
        job, "ModelData Distillation", TEACHERS, choose_views(job.views or job.data.views)
    )
