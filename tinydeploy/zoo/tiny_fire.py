"""The classifier under Tiny SSD: fire modules, each of its own widths.

Source: Wong, Shafiee, Li, Chwyl: Tiny SSD: A Tiny Single-shot Detection Deep Convolutional Neural
Network for Real-time Embedded Object Detection (CRV 2018), table 1. How it was trained to classify
is not published; the head here is SqueezeNet's.

    stem   3x3, 57 channels, stride 2
    fire   1x1 to s channels -> ReLU -> (1x1 to a channels -> ReLU | 3x3 to b channels -> ReLU);
           max-pools 3x3/2 between them
    head   1x1 to the classes, global average
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, make_entry
from tinydeploy.zoo.layers import check_arguments
from tinydeploy.zoo.registry import register_model

_STEM = 57
# Squeezed channels, those of the 1x1 and of the 3x3 convolution; a max-pool before each group.
_FIRES = (
    ((15, 49, 53), (15, 54, 52)),
    ((29, 92, 94), (29, 90, 83)),
    ((44, 166, 161), (45, 155, 146), (49, 163, 171), (25, 29, 54)),
    ((37, 45, 56),),
    ((38, 41, 44),),
)


class Fire(nn.Module):
    """A fire module with halves of different widths.

    Args:
        in_channels: Channels in.
        squeezed: Channels between.
        near: Channels of the 1x1 convolution.
        wide: Channels of the 3x3 convolution.
    """

    def __init__(self, in_channels: int, squeezed: int, near: int, wide: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeezed, 1)
        self.near = nn.Conv2d(squeezed, near, 1)
        self.wide = nn.Conv2d(squeezed, wide, 3, padding=1)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, near + wide, h, w]."""
        x = self.activation(self.squeeze(x))
        return torch.cat((self.activation(self.near(x)), self.activation(self.wide(x))), 1)


class TinyFire(nn.Module):
    """The classifier; logits come out.

    Args:
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the pools behind.
    """

    def __init__(
        self, *, classes: int = CLASSES, in_channels: int = 3, stem_stride: int = 2
    ) -> None:
        super().__init__()
        check_arguments("tiny-fire", 1, classes, in_channels, stem_stride)
        channels = _STEM
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, channels, 3, stem_stride, 1),
            nn.ReLU(),
        ]
        for group in _FIRES:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            for squeezed, near, wide in group:
                layers.append(Fire(channels, squeezed, near, wide))
                channels = near + wide
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Conv2d(channels, classes, 1)
        for layer in self.modules():  # without BN it matters how weights begin
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_uniform_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.features(x))
        return logits.mean((2, 3))


register_model(make_entry("tiny_fire", "Tiny SSD's fire modules as a classifier", TinyFire))
