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

from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, register_widths
from tinydeploy.zoo.layers import check_arguments, conv_bn, make_divisible
from tinydeploy.zoo.registry import Published

_STAGES = (
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


class MobileNetV2(nn.Module):
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
        check_arguments("MobileNetV2", width, classes, in_channels, stem_stride)
        channels = make_divisible(32 * width)
        layers: list[nn.Module] = [
            conv_bn(in_channels, channels, stride=stem_stride, activation=nn.ReLU6)
        ]
        for expansion, wanted, blocks, first in _STAGES:
            out = make_divisible(wanted * width)
            for block in range(blocks):
                stride = 1 if block else first
                layers.append(InvertedResidual(channels, out, stride, expansion))
                channels = out
        last = make_divisible(1280 * max(1.0, width))
        layers.append(conv_bn(channels, last, 1, activation=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return logits


_PAPER = "Sandler et al. 2018, and the authors' list of trained nets"
register_widths(
    "mobilenet_v2",
    "MobileNetV2",
    MobileNetV2,
    {
        1.0: Published(3.4e6, 300e6, 72.0, _PAPER),
        0.35: Published(1.7e6, 59.2e6, 60.3, _PAPER),
    },
)
