"""Of the ranges that several methods give a tensor, the one that disturbs the next layers least.

Each layer that reads the tensor is evaluated on calibration inputs with the tensor as it is and as
int8; the cost of a range is the power of the difference over the variance of what the layer gives,
summed over the layers. Once for all values, and once for the means of pictures, where rounding
averages out, as in the layers to come, but not what clipping takes away. Mean differences of a
convolution's channels do not count: its bias makes up for them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinydeploy.quantize.activations import Candidates, Parameters
from tinydeploy.quantize.evaluate import Values, evaluate_layer
from tinydeploy.quantize.network import Conv, Layer, Network, last_uses
from tinydeploy.quantize.recipe import RangeMethod

Groups = Mapping[tuple[str, ...], Candidates]

# Another range than that of the method which does best for the whole network has to cost less than
# this part: how errors add up behind the next layer is not known here.
_DECISIVE = 0.5


def choose_measured(
    network: Network, groups: Groups, samples: Values, usual: RangeMethod
) -> dict[str, Parameters]:
    """The quantization of every tensor: by the usual method, or by one that is clearly better.

    Args:
        network: Folded and equalized.
        groups: Candidates of sets of tensors.
        samples: float32 [n, H, W, C] inputs of the network.
        usual: The method that does best for the whole network.
    """
    group_of = {tensor: group for group in groups for tensor in group}
    costs: dict[tuple[str, ...], dict[Parameters, float]] = {
        group: dict.fromkeys(candidates.values(), 0.0) for group, candidates in groups.items()
    }
    last = last_uses(network.layers)
    values = {network.input: samples}
    for k, layer in enumerate(network.layers):
        inputs = [values[name] for name in layer.inputs]
        exact = evaluate_layer(layer, inputs, network.shapes[layer.output])
        for name in dict.fromkeys(layer.inputs):
            tried = costs[group_of[name]]
            if len(tried) > 1 and not layer.hands_on:
                for parameters in tried:
                    tried[parameters] += _disturb(layer, name, parameters, values, exact)
        values[layer.output] = exact
        for name in {*layer.inputs, layer.output}:
            if last.get(name, k) == k:
                del values[name]
    chosen = {}
    for group, tried in costs.items():
        before, best = groups[group][usual], min(tried, key=tried.__getitem__)
        chosen[group] = best if tried[best] < _DECISIVE * tried[before] else before
    return {tensor: chosen[group] for tensor, group in group_of.items()}


def _disturb(
    layer: Layer, name: str, parameters: Parameters, values: Mapping[str, Values], exact: Values
) -> float:
    """What the layer's output loses when one of its inputs is int8."""
    rounded = parameters.dequantize(parameters.quantize(values[name]))
    inputs = [rounded if other == name else values[other] for other in layer.inputs]
    error = evaluate_layer(layer, inputs, exact.shape) - exact
    if isinstance(layer, Conv):
        error -= _mean(error)
    cost = _relative_power(error, exact)
    if exact.ndim == 4:
        cost += _relative_power(error.mean(axis=(1, 2)), exact.mean(axis=(1, 2)))
    return cost


def _relative_power(error: Values, exact: Values) -> float:
    """Mean square of an error over the variance of the channels; 0 where nothing varies."""
    power = float(np.square(exact - _mean(exact)).sum(dtype=np.float64))
    return float(np.square(error).sum(dtype=np.float64)) / power if power else 0.0


def _mean(values: Values) -> Values:
    """Of each channel."""
    return np.asarray(values.mean(axis=tuple(range(values.ndim - 1)), keepdims=True))
