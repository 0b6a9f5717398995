"""Weights under other names, matched by the order of layers."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tinydeploy.model.weights import load_weights
from tinydeploy.model.weights_order import rename_by_order


def make_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def other_names(net: nn.Module) -> dict[str, np.ndarray]:
    return {f"other.{name}": value.numpy() for name, value in net.state_dict().items()}


def test_outputs_are_the_others() -> None:
    torch.manual_seed(0)
    theirs, ours = make_net().eval(), make_net().eval()
    weights = other_names(theirs)
    weights["other.4.weight"] = weights["other.4.weight"][:, :, None, None]  # a 1x1 convolution
    renamed = rename_by_order(ours, weights)
    assert renamed is not None
    load_weights(ours, renamed, "theirs")
    x = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


def test_what_does_not_match_is_left() -> None:
    net = make_net()
    weights = other_names(net)
    names = list(weights)
    assert rename_by_order(net, {name: weights[name] for name in names[1:]}) is None
    assert rename_by_order(net, {name: weights[name] for name in sorted(names)}) is None
    assert rename_by_order(net, weights | {names[0]: np.zeros((4, 3, 5, 5))}) is None
    assert rename_by_order(net, weights | {names[0]: np.zeros((4, 3, 3, 3, 1))}) is None
