"""MobileNetV1: a chain of depthwise-separable convolutions.

Source: Howard et al.: MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications (2017), table 1; ReLU6 as in the authors' code. Every channel count is multiplied by
the width and rounded down, to at least 8.

    stem   3x3, 32 channels, stride 2
    13 x   depthwise 3x3 -> BN -> ReLU6 -> pointwise -> BN -> ReLU6
           64 | 128/2 128 | 256/2 256 | 512/2 512 x 5 | 1024/2 1024      (channels / stride)
    head   global average, fully connected
"""

from __future__ import annotations

from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, register_widths
from tinydeploy.zoo.layers import check_arguments, conv_bn
from tinydeploy.zoo.registry import Published

_BLOCKS = (
    (64, 1),
    *((128, 2), (128, 1)),
    *((256, 2), (256, 1)),
    *((512, 2), *((512, 1),) * 5),
    *((1024, 2), (1024, 1)),
)


class MobileNetV1(nn.Module):
    """The classifier; logits come out.

    Args:
        width: Factor of every channel count.
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
        check_arguments("MobileNetV1", width, classes, in_channels, stem_stride)
        channels = max(8, int(32 * width))
        layers = [conv_bn(in_channels, channels, stride=stem_stride, activation=nn.ReLU6)]
        for wanted, stride in _BLOCKS:
            out = max(8, int(wanted * width))
            layers += [
                conv_bn(channels, channels, stride=stride, groups=channels, activation=nn.ReLU6),
                conv_bn(channels, out, 1, activation=nn.ReLU6),
            ]
            channels = out
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return logits


_PAPER = "Howard et al. 2017, tables 4 and 6"
register_widths(
    "mobilenet_v1",
    "MobileNetV1",
    MobileNetV1,
    {
        1.0: Published(4.2e6, 569e6, 70.6, _PAPER),
        0.75: Published(2.6e6, 325e6, 68.4, _PAPER),
        0.5: Published(1.3e6, 149e6, 63.7, _PAPER),
        0.25: Published(0.5e6, 41e6, 50.6, _PAPER),
    },
    alike="timm",
)
