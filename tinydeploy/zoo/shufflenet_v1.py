"""ShuffleNet: grouped pointwise convolutions, and a shuffle so that groups hear of each other.

Source: Zhang, Zhou, Lin, Sun: ShuffleNet: An Extremely Efficient Convolutional Neural Network for
Mobile Devices (CVPR 2018), table 1.

    unit   grouped pointwise to a quarter -> shuffle -> depthwise 3x3, linear -> grouped pointwise,
           linear, + input -> ReLU
    down   the same with stride 2, its output beside the input's 3x3 average pool of stride 2
    stem   3x3, 24 channels, stride 2, max-pool 3x3/2
    stages down + 3 units, down + 7 units, down + 3 units
    head   global average, fully connected
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from tinydeploy.errors import UsageError
from tinydeploy.zoo.imagenet import CLASSES, make_entry
from tinydeploy.zoo.layers import check_arguments, conv_bn, shuffle_channels
from tinydeploy.zoo.registry import Published, register_model

_DEPTHS = (4, 8, 4)
# Channels of the stem by published width.
_STEMS = {0.5: 12, 1.0: 24, 1.5: 24, 2.0: 48}
# Channels of the first stage by groups; each stage behind has twice as many.
_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}


class Unit(nn.Module):
    """One unit.

    Args:
        in_channels: Channels in.
        out_channels: Channels out; equal to those in where the stride is 1.
        stride: 1, or 2 for a unit whose input passes by pooled.
        groups: Of both pointwise convolutions.
        first_groups: Of the first one; 1 behind the stem, which has few channels.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, groups: int, first_groups: int
    ) -> None:
        super().__init__()
        made = out_channels - in_channels if stride == 2 else out_channels
        inside = out_channels // 4
        self.groups = groups
        self.compress = conv_bn(in_channels, inside, 1, groups=first_groups)
        self.depthwise = conv_bn(inside, inside, stride=stride, groups=inside, activation=None)
        self.expand = conv_bn(inside, made, 1, groups=groups, activation=None)
        self.bypass = nn.AvgPool2d(3, 2, 1) if stride == 2 else None
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out_channels, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = shuffle_channels(self.compress(x), self.groups)
        y = self.expand(self.depthwise(y))
        y = x + y if self.bypass is None else torch.cat((y, self.bypass(x)), 1)
        made: Tensor = self.activation(y)
        return made


class ShuffleNetV1(nn.Module):
    """The classifier; logits come out.

    Args:
        groups: 1, 2, 3, 4 or 8.
        width: Factor of every channel count; each must be a multiple of 4 times the groups.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.

    Raises:
        UsageError: There is no net of so many groups, or channels are no multiple of the groups.
    """

    def __init__(
        self,
        groups: int = 3,
        width: float = 1.0,
        *,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments("ShuffleNet", width, classes, in_channels, stem_stride)
        if groups not in _CHANNELS:
            raise UsageError(
                f"ShuffleNet has no variant of {groups} groups",
                f"It has those of {', '.join(map(str, _CHANNELS))}.",
            )
        stem, first = _STEMS.get(width, int(24 * width)), int(_CHANNELS[groups] * width)
        if first % (4 * groups) or stem % groups or stem == 0 or first <= stem:
            raise UsageError(
                f"ShuffleNet of {groups} groups has no width {width:g}, which makes stages of "
                f"{stem} and {first} channels",
                f"The second must be a multiple of {4 * groups}, the first of {groups}.",
            )
        self.stem = conv_bn(in_channels, stem, stride=stem_stride)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        units: list[nn.Module] = []
        channels = stem
        for stage, depth in enumerate(_DEPTHS):
            out = first << stage
            for index in range(depth):
                ungrouped = stage == index == 0
                units.append(
                    Unit(channels, out, 1 if index else 2, groups, 1 if ungrouped else groups)
                )
                channels = out
        self.stages = nn.Sequential(*units)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        x = self.stages(self.maxpool(self.stem(x)))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


_AUTHORS = "Zhang et al. 2018, and the authors' list of trained nets"
for _groups, _width, _published in (
    (3, 0.5, Published(0.7e6, 38e6, 57.3, _AUTHORS)),
    (3, 1.0, Published(1.9e6, 138e6, 67.8, _AUTHORS)),
    (3, 1.5, Published(3.4e6, 292e6, 71.6, _AUTHORS)),
    (3, 2.0, Published(5.4e6, 524e6, 74.1, _AUTHORS, remark="5.45 M, rounded down")),
    (8, 1.0, Published(2.4e6, 138e6, 68.0, _AUTHORS)),
):
    register_model(
        make_entry(
            f"shufflenet_v1_g{_groups}-{_width}",
            f"ShuffleNet of {_groups} groups, width {_width:g}",
            partial(ShuffleNetV1, _groups, _width),
            _published,
        )
    )
