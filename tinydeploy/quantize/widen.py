"""Layers with int16 activations among those with int8; QUANTIZE stands where they meet.

TFLite's operators read and write one type, so what is chosen is the type of layers: a *wide* layer
reads and writes int16. A tensor between two wide layers is int16; one between a wide and another
layer is there twice, the second made from the first by a Requantize. The network's input and
outputs stay int8. Weights are int8 everywhere (TFLite's 16x8).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.network import (
    Activation,
    Add,
    AveragePool,
    Clamp,
    Concat,
    Conv,
    Dense,
    Extremum,
    Gather,
    Layer,
    MaxPool,
    Mean,
    Mul,
    Network,
    Pad,
    Requantize,
    Reshape,
    Slice,
    Softmax,
    Sub,
    Transpose,
    TransposeConv,
    WithConstant,
)
from tinydeploy.quantize.statistics import TensorStatistics
from tinydeploy.quantize.ties import find_fixed, tie_tensors

_Statistics = Mapping[str, TensorStatistics]

# How much further than calibration has seen int16 reaches: 15 bits remain.
_MARGIN = 2.0

# What LOGISTIC, TANH and SOFTMAX write.
_UNIT = Parameters(1 / 32768, 0, "int16")

_WIDE = (
    *(Add, AveragePool, Clamp, Concat, Conv, Extremum, Gather, MaxPool, Mean, Mul, Pad),
    *(Reshape, Slice, Softmax, Sub, Transpose, WithConstant),
)
_WIDE_ACTIVATIONS = ("LOGISTIC", "TANH")

# What the operators refuse lies at least twice as far: input scale times weight scale over output
# scale, input scales over output scales, products of scales over output scales, scales of what
# LOGISTIC, TANH and SOFTMAX read, sizes that means are taken of.
_MOST_MULTIPLIER = 2.0**6
_MOST_DENSE_MULTIPLIER = 0.5
_MOST_RATIO = 2.0**12
_MOST_PRODUCT = 0.5
_MOST_FUNCTION_SCALE = 1.0
_MOST_SUMMANDS = 1 << 14


@dataclass(frozen=True, eq=False)
class WideForms:
    """Which layers can be wide, and the int16 quantization of every tensor.

    Args:
        layers: Names of the outputs of layers that can be wide.
        parameters: Of every tensor, should it be int16.
    """

    layers: frozenset[str]
    parameters: Mapping[str, Parameters]

    @classmethod
    def find(
        cls, network: Network, statistics: _Statistics, parameters: Mapping[str, Parameters]
    ) -> WideForms:
        """Looks at every layer.

        Args:
            network: Folded, and equalized if that is wanted.
            statistics: Of its tensors.
            parameters: int8, of every tensor.
        """
        wide = {
            tensor: found
            for group in tie_tensors(network)
            for found in [_widen_group(network, group, statistics, parameters)]
            for tensor in group
        }
        layers = (layer for layer in network.layers if _can_be_wide(network, layer, wide))
        return cls(frozenset(layer.output for layer in layers), wide)


def widen_layers(
    network: Network,
    parameters: Mapping[str, Parameters],
    forms: WideForms,
    wide: Collection[str],
) -> tuple[Network, dict[str, Parameters]]:
    """The network with some of its layers wide, and the quantization of every tensor.

    A tensor keeps its name in the type in which it is computed, outputs of the network as int8.

    Args:
        network: Folded, and equalized if that is wanted.
        parameters: int8, of every tensor.
        forms: The other forms of its tensors.
        wide: Outputs of the layers to make wide, all of which can be.
    """
    layers: list[Layer] = []
    shapes, found = dict(network.shapes), {network.input: parameters[network.input]}
    names = {(network.input, False): network.input}

    def name(tensor: str, as_wide: bool) -> str:
        """The tensor in that form, made from the other one where it is not there yet."""
        if (tensor, as_wide) not in names:
            target = tensor if not as_wide and tensor in network.outputs else ""
            target = target or f"{tensor}/{'int16' if as_wide else 'int8'}"
            layers.append(Requantize((names[tensor, not as_wide],), target))
            declare(tensor, as_wide, target)
        return names[tensor, as_wide]

    def declare(tensor: str, as_wide: bool, target: str) -> None:
        names[tensor, as_wide] = target
        shapes[target] = network.shapes[tensor]
        found[target] = (forms.parameters if as_wide else parameters)[tensor]

    for layer in network.layers:
        as_wide = layer.output in wide
        inputs = tuple(name(tensor, as_wide) for tensor in layer.inputs)
        target = made_tensor(network, layer.output, wide)
        layers.append(replace(layer, inputs=inputs, output=target))
        declare(layer.output, as_wide, target)
        if target != layer.output:
            name(layer.output, False)
    return replace(network, layers=tuple(layers), shapes=shapes), found


def made_tensor(network: Network, output: str, wide: Collection[str]) -> str:
    """What a layer writes that writes `output` where none is wide; see `widen_layers`."""
    return f"{output}/int16" if output in wide and output in network.outputs else output


def _widen_group(
    network: Network,
    group: tuple[str, ...],
    statistics: _Statistics,
    parameters: Mapping[str, Parameters],
) -> Parameters:
    """int16 for more than what was seen of tied tensors: there is resolution enough for that."""
    if find_fixed(network, group) is not None:
        return _UNIT
    ranges = [statistics[tensor].range for tensor in group if tensor in statistics]
    ranges.append(parameters[group[0]].outer_range)
    return Parameters.from_reach(_MARGIN * max(max(-low, high) for low, high in ranges))


def _can_be_wide(network: Network, layer: Layer, wide: Mapping[str, Parameters]) -> bool:
    """Whether TFLite and the kernels have the layer's operator for int16, with these scales."""
    scales, target = [wide[name].scale for name in layer.inputs], wide[layer.output].scale
    if isinstance(layer, (Activation, Softmax)):
        known = isinstance(layer, Softmax) or layer.kind in _WIDE_ACTIVATIONS
        return known and scales[0] < _MOST_FUNCTION_SCALE
    if isinstance(layer, TransposeConv) or not isinstance(layer, _WIDE):
        return False
    if isinstance(layer, Conv):
        most = _MOST_DENSE_MULTIPLIER if isinstance(layer, Dense) else _MOST_MULTIPLIER
        unit = float(np.abs(layer.weights).max()) / 127 * scales[0]
        return (layer.groups == 1 or layer.is_depthwise) and unit < most * target
    if isinstance(layer, WithConstant):
        scales.append(Parameters.from_reach(float(np.abs(layer.value).max())).scale)
    if isinstance(layer, Mul) or (isinstance(layer, WithConstant) and layer.kind == "MUL"):
        return math.prod(scales) < _MOST_PRODUCT * target
    if isinstance(layer, Mean):
        shape = network.shapes[layer.inputs[0]]
        if math.prod(shape[axis] for axis in layer.axes) > _MOST_SUMMANDS:
            return False
    return max(scales) < _MOST_RATIO * target
