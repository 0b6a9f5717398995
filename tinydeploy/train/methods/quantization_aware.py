"""Quantization-aware training: a trained net learns to give the same answers in int8.

The net of a checkpoint is trained on with weights and tensors rounded as int8 has them, see
`fake_quantization`, at a small learning rate. Its teacher is itself, not rounded, see
`knowledge_distillation`: so pictures without labels teach too, and a net that was trained with few
labels does not forget what it learned from the others. What comes out is a float net, which
quantization costs less: the wanted one with limits behind its equalized tensors, see `limits`.

Source: Jacob et al. (CVPR 2018) for the rounding; Mishra, Marr: Apprentice (ICLR 2018) for the
float net as the teacher.
"""

from __future__ import annotations

from torch import nn

from tinydeploy.errors import InternalError, UsageError
from tinydeploy.train.distributed import count_processes
from tinydeploy.train.fake_quantization import FakeQuantizedNet
from tinydeploy.train.loop import train_stage
from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.knowledge_distillation import TeacherLoss
from tinydeploy.train.settings import Settings

SETTINGS = Settings(steps=300, learning_rate=5e-4, weight_decay=0.0, ema=0.9)


def train_quantization_aware(job: Job) -> nn.Module:
    """The wanted net, which `job.build` makes trained already. See `train_on`."""
    return train_on(job)


def train_on(job: Job, *, rounded: bool = True) -> nn.Module:
    """Trains on what `job.build` makes trained already, with its own scores as the teacher.

    Args:
        job: The work.
        rounded: As int8 is; False to see what the further training does without.

    Raises:
        UsageError: Several processes train together.
        UnsupportedModelError: The net cannot be traced.
    """
    if count_processes() > 1:
        raise UsageError(
            "quantization-aware training runs in one process",
            "Start it without torchrun: it is some hundred steps.",
        )
    settings = job.settings(SETTINGS)
    teacher = job.build().to(job.run.device).eval()
    loss = TeacherLoss(job, teacher, settings.batch)
    trained = train_stage(
        "net", lambda: FakeQuantizedNet(job.build(), rounded=rounded), loss, settings, job.run
    )
    if not isinstance(trained, FakeQuantizedNet):
        raise InternalError("the loop gave back another net than it was given")
    return trained.hand_over(job.build().to(job.run.device))
