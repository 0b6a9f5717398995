"""ShuffleNetV2: half of the channels pass by, the other half are worked on, then they are shuffled.

Source: Ma, Zhang, Zheng, Sun: ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture
Design (ECCV 2018), table 5.

    unit   split -> (identity | pointwise -> depthwise 3x3, linear -> pointwise) -> concat, shuffle
    down   (depthwise 3x3/2, linear -> pointwise | pointwise -> depthwise 3x3/2, linear ->
           pointwise) -> concat, shuffle
    stem   3x3, 24 channels, stride 2, max-pool 3x3/2
    stages down + 3 units, down + 7 units, down + 3 units
    head   pointwise 1024 or 2048, global average, fully connected

State dicts of torchvision's shufflenet_v2_x0_5 and so on fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tinydeploy.errors import UsageError
from tinydeploy.zoo.imagenet import CLASSES, make_entry
from tinydeploy.zoo.layers import check_arguments, conv_bn, shuffle_channels
from tinydeploy.zoo.registry import Published, register_model

_DEPTHS = (4, 8, 4)
# Channels of the three stages and of the head, by width: no multiple of each other.
_CHANNELS: dict[float, tuple[int, int, int, int]] = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
_STEM = 24


class Unit(nn.Module):
    """One unit.

    Args:
        in_channels: Channels in.
        out_channels: Channels out, even; equal to those in where the stride is 1.
        stride: 1, or 2 for a unit that all channels go through on both sides.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        half = out_channels // 2
        self.split = stride == 1
        source = half if self.split else in_channels
        bypass = (
            ()
            if self.split
            else (
                *conv_bn(source, source, stride=stride, groups=source, activation=None),
                *conv_bn(source, half, 1),
            )
        )
        self.branch1 = nn.Sequential(*bypass)
        self.branch2 = nn.Sequential(
            *conv_bn(source, half, 1),
            *conv_bn(half, half, stride=stride, groups=half, activation=None),
            *conv_bn(half, half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out_channels, ceil(h / stride), ceil(w / stride)]."""
        if self.split:
            passed, worked = x.chunk(2, dim=1)
            return shuffle_channels(torch.cat((passed, self.branch2(worked)), 1))
        return shuffle_channels(torch.cat((self.branch1(x), self.branch2(x)), 1))


class ShuffleNetV2(nn.Module):
    """The classifier; logits come out.

    Args:
        width: 0.5, 1.0, 1.5 or 2.0.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.

    Raises:
        UsageError: The width is none of the published ones.
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
        if width not in _CHANNELS:
            raise UsageError(
                f"ShuffleNetV2 has no width {width:g}",
                f"Its widths are {', '.join(map(str, _CHANNELS))}.",
            )
        check_arguments("ShuffleNetV2", width, classes, in_channels, stem_stride)
        self.conv1 = conv_bn(in_channels, _STEM, stride=stem_stride)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        *stages, head = _CHANNELS[width]
        channels = _STEM
        made = []
        for out, depth in zip(stages, _DEPTHS, strict=True):
            units = [Unit(channels, out, 2), *(Unit(out, out, 1) for _ in range(depth - 1))]
            made.append(nn.Sequential(*units))
            channels = out
        self.stage2, self.stage3, self.stage4 = made
        self.conv5 = conv_bn(channels, head, 1)
        self.fc = nn.Linear(head, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


_PAPER = "Ma et al. 2018, tables 7 and 8; parameters of torchvision's"
_MORE = "the paper counts more than convolutions; torchvision's net counts as here"
for _width, _published in {
    0.5: Published(1.37e6, 41e6, 61.1, _PAPER, remark=_MORE),
    1.0: Published(2.28e6, 146e6, 69.4, _PAPER, remark=_MORE),
    1.5: Published(3.50e6, 299e6, 72.6, _PAPER, remark=_MORE),
    2.0: Published(7.39e6, 591e6, 75.0, _PAPER, remark=_MORE),
}.items():
    register_model(
        make_entry(
            f"shufflenet_v2-{_width}",
            f"ShuffleNetV2, width {_width:g}",
            lambda width=_width: ShuffleNetV2(width),  # type: ignore[misc]
            _published,
        )
    )
