"""Any classifier of the zoo, for other classes, colours and sizes than it was made for.

plain_cnn, mobilenet_v2-0.35     by name: the head gets the classes, the stem the channels
etinynet-0.5-2220                EtinyNet of width 0.5 with 2, 2, 2 and 0 blocks in its stages:
                                 at 32x32 the last stage would see a single pixel

A name, classes, channels and weights are all that a checkpoint needs to make the net again.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from tinydeploy.errors import UsageError
from tinydeploy.model.weights import load_weights, read_weights
from tinydeploy.zoo.etinynet import EtinyNet, EtinyNetConfig, scale_width
from tinydeploy.zoo.registry import ModelEntry, find_model

_ETINYNET = re.compile(r"(etinynet-[\d.]+)-(\d)(\d)(\d)(\d)")
_PICTURE_CHANNELS = 3


def find_net(name: str) -> ModelEntry:
    """The zoo's entry of a net that can be trained.

    Raises:
        UsageError: There is none of this name, or it is no classifier of pictures.
    """
    shallow = _ETINYNET.fullmatch(name)
    entry = find_model(shallow[1] if shallow else name)
    if not entry.classes or entry.input_shape[1] != _PICTURE_CHANNELS:
        raise UsageError(
            f"{name} classifies no pictures", "`tinydeploy train` needs a net that does."
        )
    return entry


def build_net(
    name: str, classes: int, channels: int, size: tuple[int, int], weights: Path | None = None
) -> nn.Module:
    """A network, freshly initialized from torch's random numbers.

    Args:
        name: See the module's text.
        classes: Outputs of the new head.
        channels: Input channels, 1 or 3.
        size: (H, W) of the pictures, to try whether the net can take them.
        weights: Trained weights to start from, of the zoo's net with its own head; where pictures
            are gray the stem's weights are summed over its channels.

    Raises:
        UsageError: There is no such net, or it cannot take so small pictures.
        InputFileError: The weights do not fit.
    """
    entry = find_net(name)
    if shallow := _ETINYNET.fullmatch(name):
        one, two, three, four = (int(depth) for depth in shallow.groups()[1:])
        width = scale_width(float(shallow[1].removeprefix("etinynet-")))
        net: nn.Module = EtinyNet(EtinyNetConfig(width, (one, two, three, four)))
    else:
        net = entry.build()
    if weights is not None:
        load_weights(net, read_weights(weights), str(weights), entry.describe_foreign_weights)
    _replace_head(net, entry.classes, classes)
    if channels != entry.input_shape[1]:
        _replace_stem(net, channels, summed=weights is not None)
    _try_size(net, name, (1, channels, *size))
    return net


def count_parameters(net: nn.Module) -> int:
    """Trained values."""
    return sum(parameter.numel() for parameter in net.parameters())


def _replace_head(net: nn.Module, before: int, classes: int) -> None:
    """The last layer with as many outputs as the net has classes, and a BN behind it.

    Layers before the last one only happen to have so many.
    """
    layers = [
        (name, module)
        for name, module in net.named_modules()
        if (isinstance(module, nn.Linear) and module.out_features == before)
        or (isinstance(module, nn.Conv2d) and module.out_channels == before)
    ]
    name, head = layers[-1]
    bias = head.bias is not None
    if isinstance(head, nn.Linear):
        made: nn.Module = nn.Linear(head.in_features, classes, bias)
    else:
        made = nn.Conv2d(head.in_channels, classes, head.kernel_size, bias=bias)  # type: ignore[arg-type]
    net.set_submodule(name, made)
    modules = list(net.named_modules())
    behind = [name for name, _ in modules].index(name) + 1
    for name, module in modules[behind:]:
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.num_features == before:
            net.set_submodule(name, type(module)(classes))


def _replace_stem(net: nn.Module, channels: int, *, summed: bool) -> None:
    name, stem = next((n, m) for n, m in net.named_modules() if isinstance(m, nn.Conv2d))
    made = nn.Conv2d(
        channels,
        stem.out_channels,
        stem.kernel_size,  # type: ignore[arg-type]
        stem.stride,  # type: ignore[arg-type]
        stem.padding,  # type: ignore[arg-type]
        bias=stem.bias is not None,
    )
    if summed:
        with torch.no_grad():
            made.weight.copy_(stem.weight.sum(1, keepdim=True))
            if stem.bias is not None and made.bias is not None:
                made.bias.copy_(stem.bias)
    net.set_submodule(name, made)


def _try_size(net: nn.Module, name: str, shape: tuple[int, int, int, int]) -> None:
    net.eval()
    try:
        with torch.no_grad():
            scores: Tensor = net(torch.zeros(shape))
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{name} cannot take pictures of {shape[2]}x{shape[3]}: {reason}",
            "Give it larger ones with --size, or take a smaller net.",
        ) from error
    finally:
        net.train()
    if scores.ndim != 2:
        raise UsageError(f"{name} gives scores of {scores.ndim} dimensions for one picture")
