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

from functools import partial

from torch import Tensor, nn

from tinydeploy.zoo.block_stack import BlockStack
from tinydeploy.zoo.imagenet import register_widths
from tinydeploy.zoo.layers import conv_bn, shuffle_channels
from tinydeploy.zoo.registry import Published

_GROUPS = 2
_ROWS = (
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


Igcv3 = partial(BlockStack, "IGCV3", Block, _ROWS)

register_widths(
    "igcv3",
    "IGCV3-D",
    Igcv3,
    {1.0: Published(3.5e6, 313e6, 72.2, "Sun et al. 2018, trained again by the authors")},
)
