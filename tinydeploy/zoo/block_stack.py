"""Nets that are a stem, rows of equal blocks, and a head: MobileNetV2 and what was made of it.

    stem   3x3, 32 channels, stride 2
    blocks as the net's rows say
    head   pointwise 1280 (not where the last row makes it), global average, fully connected

The parts are named as in torchvision's mobilenet_v2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES
from tinydeploy.zoo.layers import check_arguments, conv_bn, make_divisible

HEAD = 1280
_STEM = 32

Row = tuple[int, int, int, int]
"""What a block is told besides (its expansion, say), channels, blocks, stride of the first one."""


class BlockStack(nn.Module):
    """The classifier; logits come out.

    Args:
        name: Of the architecture, for errors.
        block: Makes a block of channels in, channels out, stride, and a row's first number.
        rows: See `Row`.
        width: Factor of every channel count; the head's are never below 1280.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.
    """

    def __init__(
        self,
        name: str,
        block: Callable[[int, int, int, int], nn.Module],
        rows: Sequence[Row],
        width: float = 1.0,
        *,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments(name, width, classes, in_channels, stem_stride)
        channels = make_divisible(_STEM * width)
        layers: list[nn.Module] = [
            conv_bn(in_channels, channels, stride=stem_stride, activation=nn.ReLU6)
        ]
        head = make_divisible(HEAD * max(1.0, width))
        for number, wanted, blocks, first in rows:
            out = head if wanted == HEAD else make_divisible(wanted * width)
            for index in range(blocks):
                layers.append(block(channels, out, 1 if index else first, number))
                channels = out
        if rows[-1][1] != HEAD:
            layers.append(conv_bn(channels, head, 1, activation=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(head, classes))

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return logits
