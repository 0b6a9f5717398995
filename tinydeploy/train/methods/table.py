"""The methods there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import nn

from tinydeploy.errors import UsageError
from tinydeploy.train.methods.data_distillation import train_data_distillation
from tinydeploy.train.methods.fixmatch import train_fixmatch
from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.knowledge_distillation import train_knowledge_distillation
from tinydeploy.train.methods.mixmatch import train_mixmatch
from tinydeploy.train.methods.model_data_distillation import train_model_data_distillation
from tinydeploy.train.methods.model_distillation import train_model_distillation
from tinydeploy.train.methods.plain_distillation import train_plain_distillation
from tinydeploy.train.methods.quantization_aware import train_quantization_aware
from tinydeploy.train.methods.supervised import train_supervised


class Method(NamedTuple):
    """A method.

    Args:
        short: Heading of its column in tables.
        train: Trains the wanted net.
    """

    short: str
    train: Callable[[Job], nn.Module]


METHODS: Mapping[str, Method] = {
    "supervised": Method("Base", train_supervised),
    "plain": Method("PD", train_plain_distillation),
    "data": Method("DD", train_data_distillation),
    "model": Method("MD", train_model_distillation),
    "model-data": Method("MDD", train_model_data_distillation),
    "knowledge": Method("KD", train_knowledge_distillation),
    "fixmatch": Method("FixMatch", train_fixmatch),
    "mixmatch": Method("MixMatch", train_mixmatch),
    "qat": Method("QAT", train_quantization_aware),
}


def find_method(name: str) -> Method:
    """The method of a name.

    Raises:
        UsageError: There is none.
    """
    if name not in METHODS:
        raise UsageError(f"'{name}' is no method", f"Methods are: {', '.join(METHODS)}.")
    return METHODS[name]
