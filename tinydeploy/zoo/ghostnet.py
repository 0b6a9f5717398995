"""GhostNet: half of each layer's channels are made of the other half by depthwise convolutions.

Source: Han, Wang, Tian, Guo, Xu, Xu: GhostNet: More Features from Cheap Operations (CVPR 2020),
table 1; the last stage excites every other block, as the authors' code does.

    ghost   pointwise, half of the channels -> BN (-> ReLU) | depthwise 3x3 of those -> BN (-> ReLU)
    block   ghost -> depthwise with stride, if any -> squeeze-and-excite -> ghost, linear
            (+ input; where the shape changes: depthwise -> BN -> pointwise -> BN of it)
    head    pointwise 960 -> global average -> pointwise 1280 -> ReLU -> fully connected
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, register_widths
from tinydeploy.zoo.layers import SqueezeExcite, check_arguments, conv_bn, make_divisible
from tinydeploy.zoo.registry import Published


@dataclass(frozen=True)
class Row:
    """A block: depthwise kernel, channels inside and out, squeeze-and-excite, stride."""

    kernel: int
    inside: int
    out: int
    excite: bool
    stride: int = 1


_ROWS = (
    Row(3, 16, 16, False),
    Row(3, 48, 24, False, 2),
    Row(3, 72, 24, False),
    Row(5, 72, 40, True, 2),
    Row(5, 120, 40, True),
    Row(3, 240, 80, False, 2),
    Row(3, 200, 80, False),
    Row(3, 184, 80, False),
    Row(3, 184, 80, False),
    Row(3, 480, 112, True),
    Row(3, 672, 112, True),
    Row(5, 672, 160, True, 2),
    Row(5, 960, 160, False),
    Row(5, 960, 160, True),
    Row(5, 960, 160, False),
    Row(5, 960, 160, True),
)
_STEM, _WIDE, _HEAD, _DIVISOR = 16, 960, 1280, 4


class Ghost(nn.Module):
    """Channels, half of them made of the other half.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        active: With ReLU.
    """

    def __init__(self, in_channels: int, out_channels: int, *, active: bool) -> None:
        super().__init__()
        self.out_channels = out_channels
        half = math.ceil(out_channels / 2)
        activation = nn.ReLU if active else None
        self.primary_conv = conv_bn(in_channels, half, 1, activation=activation)
        self.cheap_operation = conv_bn(half, half, 3, groups=half, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out_channels, h, w]."""
        y = self.primary_conv(x)
        return torch.cat([y, self.cheap_operation(y)], 1)[:, : self.out_channels]


class Block(nn.Module):
    """One block of scaled channel counts.

    Args:
        in_channels: Channels in.
        row: The rest.
    """

    def __init__(self, in_channels: int, row: Row) -> None:
        super().__init__()
        inside, kernel, stride = row.inside, row.kernel, row.stride
        layers: list[nn.Module] = [Ghost(in_channels, inside, active=True)]
        if stride > 1:
            layers.append(conv_bn(inside, inside, kernel, stride, groups=inside, activation=None))
        if row.excite:
            layers.append(SqueezeExcite(inside, make_divisible(inside / 4, _DIVISOR)))
        self.layers = nn.Sequential(*layers, Ghost(inside, row.out, active=False))
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or in_channels != row.out:
            self.shortcut = nn.Sequential(
                conv_bn(
                    in_channels, in_channels, kernel, stride, groups=in_channels, activation=None
                ),
                conv_bn(in_channels, row.out, 1, activation=None),
            )

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.layers(x) + self.shortcut(x)
        return y


class GhostNet(nn.Module):
    """The classifier; logits come out.

    Args:
        width: Factor of all channel counts but the head's.
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
        check_arguments("GhostNet", width, classes, in_channels, stem_stride)

        def scale(value: int) -> int:
            return make_divisible(value * width, _DIVISOR)

        channels = scale(_STEM)
        layers: list[nn.Module] = [conv_bn(in_channels, channels, stride=stem_stride)]
        for row in _ROWS:
            scaled = Row(row.kernel, scale(row.inside), scale(row.out), row.excite, row.stride)
            layers.append(Block(channels, scaled))
            channels = scaled.out
        layers.append(conv_bn(channels, scale(_WIDE), 1))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Conv2d(scale(_WIDE), _HEAD, 1), nn.ReLU())
        self.classifier = nn.Linear(_HEAD, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        x = self.head(self.pool(self.features(x)))
        logits: Tensor = self.classifier(x.flatten(1))
        return logits


register_widths(
    "ghostnet",
    "GhostNet",
    GhostNet,
    {1.0: Published(5.2e6, 141e6, 73.9, "Han et al. 2020, 73.93 % by the authors' code")},
)
