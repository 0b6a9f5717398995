"""Weights of the same net under other names: matched by the order of its layers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import nn

_COUNTER = "num_batches_tracked"


def rename_by_order(
    net: nn.Module, weights: Mapping[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.generic]] | None:
    """The arrays under the net's own names.

    Both list their arrays in the order in which their layers are defined. Every array must be of
    the same kind (weight, bias, running mean or variance) and shape as the one in its place; a
    fully-connected layer may be a 1x1 convolution there.

    Args:
        net: The network.
        weights: Arrays by other names.

    Returns:
        Renamed, in the net's shapes; None where something does not match.
    """
    wanted = [(n, tuple(v.shape)) for n, v in net.state_dict().items() if not n.endswith(_COUNTER)]
    given = [(name, array) for name, array in weights.items() if not name.endswith(_COUNTER)]
    if len(wanted) != len(given):
        return None
    renamed = {}
    for (name, shape), (other, array) in zip(wanted, given, strict=True):
        same_kind = name.rpartition(".")[2] == other.rpartition(".")[2]
        if not same_kind or _trim(shape) != _trim(array.shape):
            return None
        renamed[name] = array.reshape(shape)
    return renamed


def _trim(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without the kernel of a 1x1 convolution."""
    return shape[:2] if shape[2:] == (1, 1) else shape
