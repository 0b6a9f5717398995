"""Parameters and multiply-accumulates of a network, in the two conventions that papers use."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Counts:
    """The size of a network.

    Args:
        parameters: Trainable values.
        parameters_with_statistics: The same plus BN's running means and variances.
        macs: Multiply-accumulates of convolutions and fully-connected layers for one input.
        macs_with_batch_norm: The same plus one for each element that a BN makes.
    """

    parameters: int
    parameters_with_statistics: int
    macs: int
    macs_with_batch_norm: int


def count_model(net: nn.Module, input_shape: tuple[int, int, int, int]) -> Counts:
    """Counts a network by running it on shapes alone, without data.

    Args:
        net: The network; left as it is.
        input_shape: (1, C, H, W).
    """
    net = copy.deepcopy(net).to("meta").eval()
    multiplies, normalized = [0], [0]

    def count_multiplies(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        # Each output value is a dot product with one filter: the weights over the filter count.
        weight = layer.weight
        assert isinstance(weight, Tensor)
        multiplies[0] += output.numel() * weight.numel() // weight.shape[0]

    def count_normalized(_layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        normalized[0] += output.numel()

    statistics = 0
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count_multiplies)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.register_forward_hook(count_normalized)
            statistics += 2 * layer.num_features
    with torch.no_grad():
        net(torch.empty(input_shape, device="meta"))
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return Counts(parameters, parameters + statistics, multiplies[0], multiplies[0] + normalized[0])
