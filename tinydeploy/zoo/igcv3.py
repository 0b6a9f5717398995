"""IGCV3: inverted residuals whose pointwise convolutions have two groups each.

Source: Sun, Li, Liu, Wang: IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep
Neural Networks (BMVC 2018), the deeper variant IGCV3-D.

    block  grouped pointwise to t times the channels, linear -> shuffle -> depthwise 3x3, ReLU6 ->
           grouped pointwise, linear (+ input)
    t, channels, blocks, first stride:
           1, 16, 1, 1 | 6, 24, 4, 2 | 6, 32, 6, 2 | 6, 64, 8, 2 | 6, 96, 6, 1 | 6, 160, 6, 2
           6, 320, 1, 1
    head   pointwise 1280, global average, fully connected
"""

from __future__ import annotations

from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, register_widths
from tinydeploy.zoo.layers import check_arguments, conv_bn, make_divisible, shuffle_channels
from tinydeploy.zoo.registry import Published

_GROUPS = 2
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 4, 2),
    (6, 32, 6, 2),
    (6, 64, 8, 2),
    (6, 96, 6, 1),
    (6, 160, 6, 2),
    (6, 320, 1, 1),
)


class Block(nn.Module):
    """One block.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        stride: Of the depthwise convolution.
        expansion: Channels inside, as a multiple of those in.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.identity = stride == 1 and in_channels == out_channels
        inside = in_channels * expansion
        self.expand = conv_bn(in_channels, inside, 1, groups=_GROUPS, activation=None)
        self.depthwise = conv_bn(inside, inside, stride=stride, groups=inside, activation=nn.ReLU6)
        self.project = conv_bn(inside, out_channels, 1, groups=_GROUPS, activation=None)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out_channels, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = shuffle_channels(self.expand(x), _GROUPS)
        y = self.project(self.depthwise(y))
        return x + y if self.identity else y


class Igcv3(nn.Module):
    """The classifier; logits come out.

    Args:
        width: Factor of every channel count; the head's is never below 1280.
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
        check_arguments("IGCV3", width, classes, in_channels, stem_stride)
        channels = make_divisible(32 * width)
        layers: list[nn.Module] = [
            conv_bn(in_channels, channels, stride=stem_stride, activation=nn.ReLU6)
        ]
        for expansion, wanted, blocks, first in _STAGES:
            out = make_divisible(wanted * width)
            for block in range(blocks):
                layers.append(Block(channels, out, 1 if block else first, expansion))
                channels = out
        last = make_divisible(1280 * max(1.0, width))
        layers.append(conv_bn(channels, last, 1, activation=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.fc(self.features(x).mean((2, 3)))
        return logits


register_widths(
    "igcv3",
    "IGCV3-D",
    Igcv3,
    {1.0: Published(3.5e6, 313e6, 72.2, "Sun et al. 2018, trained again by the authors")},
)
