"""MobileNetV2: inverted residuals, narrow and linear between blocks, wide and depthwise inside.

Source: Sandler et al.: MobileNetV2: Inverted Residuals and Linear Bottlenecks (CVPR 2018), table 2.

    block  pointwise to t times the channels -> depthwise 3x3 -> pointwise, linear (+ input)
    t, channels, blocks, first stride:
           1, 16, 1, 1 | 6, 24, 2, 2 | 6, 32, 3, 2 | 6, 64, 4, 2 | 6, 96, 3, 1 | 6, 160, 3, 2
           6, 320, 1, 1
    head   pointwise 1280, global average, fully connected

State dicts of torchvision's mobilenet_v2 fit.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from tinydeploy.zoo.block_stack import BlockStack
from tinydeploy.zoo.imagenet import register_widths
from tinydeploy.zoo.layers import conv_bn
from tinydeploy.zoo.registry import Published

_ROWS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
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
        expand = [conv_bn(in_channels, inside, 1, activation=nn.ReLU6)] * (expansion != 1)
        self.conv = nn.Sequential(
            *expand,
            conv_bn(inside, inside, stride=stride, groups=inside, activation=nn.ReLU6),
            *conv_bn(inside, out_channels, 1, activation=None),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out_channels, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.conv(x)
        return x + y if self.identity else y


MobileNetV2 = partial(BlockStack, "MobileNetV2", InvertedResidual, _ROWS)

_PAPER = "Sandler et al. 2018, and the authors' list of trained nets"
register_widths(
    "mobilenet_v2",
    "MobileNetV2",
    MobileNetV2,
    {
        1.0: Published(
            3.4e6, 300e6, 72.0, _PAPER, remark="torchvision's and timm's nets have 3.50 M, too"
        ),
        0.35: Published(1.7e6, 59.2e6, 60.3, _PAPER),
    },
    alike="timm",
)
