"""PeleeNet: a DenseNet of plain convolutions, whose layers see two sizes of neighbourhood.

Source: Wang, Li, Ling: Pelee: A Real-Time Object Detection System on Mobile Devices (NeurIPS 2018),
table 1 and figures 1 and 4.

    stem   3x3, 32 channels, stride 2 -> (pointwise 16 -> 3x3, 32, stride 2 | max-pool 2x2) ->
           concat -> pointwise 32
    layer  (pointwise -> 3x3 | pointwise -> 3x3 -> 3x3), 16 channels each, beside the input
    stages 3, 4, 8 and 6 layers, each followed by a pointwise convolution that keeps the channels;
           2x2 average pools between them
    head   global average, fully connected
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, make_entry
from tinydeploy.zoo.layers import check_arguments, conv_bn
from tinydeploy.zoo.registry import Published, register_model

_STEM = 32
_GROWTH = 32
# Layers of each stage, and channels behind the first pointwise convolutions in units of half the
# growth.
_STAGES = ((3, 1), (4, 2), (8, 4), (6, 4))


class Stem(nn.Module):
    """The first quarter of the way down, by a convolution and a pool side by side."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = conv_bn(in_channels, channels, stride=stride)
        self.convolved = nn.Sequential(
            conv_bn(channels, channels // 2, 1), conv_bn(channels // 2, channels, stride=2)
        )
        self.pooled = nn.MaxPool2d(2, 2)
        self.last = conv_bn(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, channels, h / 4, w / 4]."""
        x = self.first(x)
        made: Tensor = self.last(torch.cat((self.convolved(x), self.pooled(x)), 1))
        return made


class DenseLayer(nn.Module):
    """Adds channels to those that come in.

    Args:
        in_channels: Channels in.
        inside: Channels behind the pointwise convolutions.
        growth: Channels added, half by each branch.
    """

    def __init__(self, in_channels: int, inside: int, growth: int) -> None:
        super().__init__()
        half = growth // 2
        self.near = nn.Sequential(conv_bn(in_channels, inside, 1), conv_bn(inside, half))
        self.far = nn.Sequential(
            conv_bn(in_channels, inside, 1), conv_bn(inside, half), conv_bn(half, half)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, in_channels + growth, h, w]."""
        return torch.cat((x, self.near(x), self.far(x)), 1)


class PeleeNet(nn.Module):
    """The classifier; logits come out.

    Args:
        width: Factor of the stem's channels and of those that each layer adds.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.
    """

    def __init__(
        self,
        width: float = 1.0,
        *,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments("PeleeNet", width, classes, in_channels, stem_stride)
        channels, growth = (max(2, int(n * width) // 2 * 2) for n in (_STEM, _GROWTH))
        layers: list[nn.Module] = [Stem(in_channels, channels, stem_stride)]
        for index, (depth, halves) in enumerate(_STAGES):
            for _ in range(depth):
                layers.append(DenseLayer(channels, halves * growth // 2, growth))
                channels += growth
            layers.append(conv_bn(channels, channels, 1))
            if index + 1 < len(_STAGES):
                layers.append(nn.AvgPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.fc(self.features(x).mean((2, 3)))
        return logits


register_model(
    make_entry(
        "peleenet", "PeleeNet", PeleeNet, Published(2.8e6, 508e6, 71.3, "Wang et al. 2018, table 3")
    )
)
