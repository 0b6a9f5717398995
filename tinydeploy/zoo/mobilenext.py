"""MobileNeXt: blocks that are wide at both ends, with a depthwise convolution on each.

Source: Zhou, Hou, Chen, Feng, Yan: Rethinking Bottleneck Structure for Efficient Mobile Network
Design (ECCV 2020), table 2; channel counts are those of the authors' code.

    block  depthwise 3x3 -> pointwise to 1/t of the channels, linear -> pointwise, ReLU6 ->
           depthwise 3x3, linear (+ input); where channels change the first depthwise is left out,
           and the last one too unless it has a stride
    t, channels, blocks, first stride:
           2, 96, 1, 2 | 6, 144, 1, 1 | 6, 192, 3, 2 | 6, 288, 3, 2 | 6, 384, 4, 1 | 6, 576, 4, 2
           6, 960, 3, 1 | 6, 1280, 1, 1
    head   global average, fully connected

The authors' code also has both depthwise convolutions in the first, the second and the last block,
where channels change: 3.54 M parameters and 311 M MACs at width 1, of which the paper gives 300 M.
It rounds widths as here. At 0.75, 0.5 and 0.35 it has 2.77, 2.15 and 1.91 M parameters, where the
paper gives 2.5, 2.1 and 1.8 M; at 1.4 it has the paper's 6.1 M and 590 M.
"""

from __future__ import annotations

import math
from functools import partial

from torch import Tensor, nn

from tinydeploy.zoo.block_stack import HEAD, BlockStack
from tinydeploy.zoo.imagenet import register_widths
from tinydeploy.zoo.layers import conv_bn, make_divisible
from tinydeploy.zoo.registry import Published

_ROWS = (
    (2, 96, 1, 2),
    (6, 144, 1, 1),
    (6, 192, 3, 2),
    (6, 288, 3, 2),
    (6, 384, 4, 1),
    (6, 576, 4, 2),
    (6, 960, 3, 1),
    (6, HEAD, 1, 1),
)


class Sandglass(nn.Module):
    """One block.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        stride: Of the last depthwise convolution.
        reduction: Channels in, as a multiple of those inside.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, reduction: int) -> None:
        super().__init__()
        kept = in_channels == out_channels
        self.identity = kept and stride == 1
        inside = in_channels // reduction
        if inside < out_channels / 6:
            inside = make_divisible(math.ceil(out_channels / 6), 16)
        layers: list[nn.Module] = []
        if kept:
            layers.append(
                conv_bn(in_channels, in_channels, groups=in_channels, activation=nn.ReLU6)
            )
        layers.append(conv_bn(in_channels, inside, 1, activation=None))
        layers.append(conv_bn(inside, out_channels, 1, activation=nn.ReLU6))
        if kept or stride == 2:
            depthwise = conv_bn(
                out_channels, out_channels, stride=stride, groups=out_channels, activation=None
            )
            layers.append(depthwise)
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out_channels, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.conv(x)
        return x + y if self.identity else y


MobileNeXt = partial(BlockStack, "MobileNeXt", Sandglass, _ROWS)

_AUTHORS = "Zhou et al. 2020, and the authors' list of trained nets"
register_widths(
    "mobilenext",
    "MobileNeXt",
    MobileNeXt,
    {
        1.0: Published(3.5e6, 300e6, 74.02, _AUTHORS),
    },
)
