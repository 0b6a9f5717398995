"""By how much to scale each channel of tensors that must share their factors.

One tensor alone: by the inverse of the channel's reach (largest magnitude), and every channel uses
the whole int8 range. Several tensors, such as the sums along a residual chain, cannot all have
that. With the range R[t] of tensor t, channel c gets k[c] = min over t of R[t] / reach[t, c], the
largest factor that keeps every tensor within its range, and rounding to 8 bits costs

    sum over t and c of  sensitivity[t, c] * (R[t] / k[c])^2

where sensitivity[t, c] says how much an error in that channel disturbs the layers that read it,
relative to what they give: sum of squared weights over the variance of the output. The ranges are
chosen for the least cost, so a quiet channel early in the chain is not drowned by loud ones later.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinydeploy.quantize.network import Array, Conv, Network, Reshape
from tinydeploy.quantize.statistics import TensorStatistics

# A channel that was quiet during calibration may be louder elsewhere: each gets room for the
# median channel's reach on top of its own, and for the mean reach where few values were seen.
_HEADROOM = 1.0
_FEW_VALUES = 16

# A channel that is hardly ever active: its deviation counts as at least this part of its reach.
_LEAST_DEVIATION = 0.01

# The search halves its steps (of log2 R) from 2 to 2^-8, each until it stops helping.
_STEPS = tuple(2.0**-k for k in range(-1, 9))
_MOST_SWEEPS = 50


def choose_channel_factors(
    network: Network, statistics: Mapping[str, TensorStatistics], tensors: tuple[str, ...]
) -> Array | None:
    """Positive factors [C], geometric mean 1, for tensors that share them.

    Args:
        network: Folded.
        statistics: Of the tensors and of those computed from them.
        tensors: At least one of them with statistics.

    Returns:
        None where the tensors are always zero.
    """
    reach = np.stack([statistics[tensor].reach for tensor in tensors])
    if reach.max() <= 0:
        return None
    count = min(statistics[tensor].channel_count for tensor in tensors)
    headroom = _HEADROOM * np.median(reach, axis=1, keepdims=True)
    headroom = headroom + _FEW_VALUES / max(count, 1) * reach.mean(axis=1, keepdims=True)
    reach = reach + headroom
    reach = np.maximum(reach, 1e-6 * reach.max(axis=1, keepdims=True))
    reach = reach[reach.max(axis=1) > 0]
    sensitivity = np.stack(
        [measure_sensitivity(network, statistics, tensor) for tensor in tensors]
    )[: len(reach)]
    k = _minimize_cost(reach, sensitivity)
    return np.asarray(k / np.exp(np.log(k).mean()), np.float64)


def measure_sensitivity(
    network: Network, statistics: Mapping[str, TensorStatistics], tensor: str
) -> Array:
    """How much errors in each channel [C] disturb what the next layers give."""
    total = np.zeros(network.channels(tensor))
    for layer in network.consumers(tensor):
        if isinstance(layer, Reshape):  # hands errors on to what reads it
            if network.channels(layer.output) == len(total):
                total += measure_sensitivity(network, statistics, layer.output)
            continue
        if layer.output not in statistics:
            continue
        stats = statistics[layer.output]
        power = np.maximum(stats.variance, (_LEAST_DEVIATION * stats.reach) ** 2)
        weight = np.where(power > 0, 1 / np.maximum(power, np.finfo(float).tiny), 0.0)
        if isinstance(layer, Conv):
            squares = (layer.weights**2).sum(axis=(1, 2)) * weight[:, None]  # [O, I / groups]
            total += squares.reshape(layer.groups, -1, squares.shape[1]).sum(axis=1).ravel()
        else:
            total += weight
    return total


def _minimize_cost(reach: Array, sensitivity: Array) -> Array:
    """The factors of least cost; reach and sensitivity are [T, C]."""
    weighted = sensitivity if sensitivity.any() else np.ones_like(reach)

    def cost(ranges: Array) -> float:
        inverse = (reach / ranges[:, None]).max(axis=0)
        return float((weighted * (ranges[:, None] * inverse) ** 2).sum())

    # Only ratios of the ranges matter: the first one is fixed. The cost is convex in log R.
    ranges = reach.max(axis=1)
    best = cost(ranges)
    for step in _STEPS:
        for _ in range(_MOST_SWEEPS):
            before = best
            for t in range(1, len(ranges)):
                for factor in (2.0**step, 2.0**-step):
                    trial = ranges.copy()
                    trial[t] *= factor
                    if (value := cost(trial)) < best:
                        best, ranges = value, trial
            if best == before:
                break
    return np.asarray((ranges[:, None] / reach).min(axis=0), np.float64)
