"""SqueezeNet 1.0 and 1.1: fire modules, which squeeze with 1x1 and expand with 1x1 beside 3x3.

Source: Iandola et al.: SqueezeNet: AlexNet-level accuracy with 50x fewer parameters (2016), and the
authors' version 1.1, of 2.4 times fewer MACs. No BN.

    fire   1x1 to s channels -> ReLU -> (1x1 to e channels -> ReLU | 3x3 to e channels -> ReLU)
    1.0    7x7 stride 2, 96 | pool | fire 16+64 16+64 32+128 | pool | 32+128 48+192 48+192 64+256
           | pool | 64+256
    1.1    3x3 stride 2, 64 | pool | fire 16+64 16+64 | pool | 32+128 32+128 | pool | 48+192 48+192
           64+256 64+256
    head   1x1 to the classes -> ReLU -> global average

State dicts of torchvision's squeezenet1_0 and squeezenet1_1 fit.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, make_entry
from tinydeploy.zoo.layers import check_arguments
from tinydeploy.zoo.registry import Published, register_model

Version = Literal["1.0", "1.1"]

_POOL = (0, 0)
_STEMS: dict[Version, tuple[int, int]] = {"1.0": (7, 96), "1.1": (3, 64)}  # kernel, channels
_FIRES: dict[Version, tuple[tuple[int, int], ...]] = {
    "1.0": (
        *(_POOL, (16, 64), (16, 64), (32, 128)),
        *(_POOL, (32, 128), (48, 192), (48, 192), (64, 256)),
        *(_POOL, (64, 256)),
    ),
    "1.1": (
        *(_POOL, (16, 64), (16, 64)),
        *(_POOL, (32, 128), (32, 128)),
        *(_POOL, (48, 192), (48, 192), (64, 256), (64, 256)),
    ),
}


class Fire(nn.Module):
    """A fire module.

    Args:
        in_channels: Channels in.
        squeezed: Channels between.
        expanded: Channels of each of the two halves that come out.
    """

    def __init__(self, in_channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, 2 * expanded, h, w]."""
        x = self.activation(self.squeeze(x))
        halves = [self.activation(self.expand1x1(x)), self.activation(self.expand3x3(x))]
        return torch.cat(halves, 1)


class SqueezeNet(nn.Module):
    """The classifier; logits come out.

    Args:
        version: "1.0" or "1.1".
        width: Factor of every channel count, rounded down.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the pools behind.
    """

    def __init__(
        self,
        version: Version = "1.1",
        width: float = 1.0,
        *,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments(f"SqueezeNet {version}", width, classes, in_channels, stem_stride)
        kernel, stem = _STEMS[version]
        channels = max(1, int(stem * width))
        layers: list[nn.Module] = [nn.Conv2d(in_channels, channels, kernel, stem_stride), nn.ReLU()]
        for squeezed, expanded in _FIRES[version]:
            if (squeezed, expanded) == _POOL:
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            else:
                halves = max(1, int(expanded * width))
                layers.append(Fire(channels, max(1, int(squeezed * width)), halves))
                channels = 2 * halves
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(channels, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        for layer in self.modules():  # as the published nets begin; without BN it matters
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_uniform_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits, never negative, [n, classes]."""
        logits: Tensor = self.classifier(self.features(x))
        return logits.flatten(1)


_PAPER = "Iandola et al. 2016"
_TORCHVISION = "torchvision's squeezenet1_1"
for _version, _published in (
    ("1.0", Published(1.25e6, 819e6, 57.5, f"{_PAPER}; MACs of torchvision's squeezenet1_0")),
    ("1.1", Published(1.24e6, 349e6, 58.18, _TORCHVISION)),
):
    register_model(
        make_entry(
            f"squeezenet-{_version}",
            f"SqueezeNet {_version}",
            lambda version=_version: SqueezeNet(version),  # type: ignore[misc]
            _published,
        )
    )
