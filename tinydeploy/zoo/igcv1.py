"""IGCV1: ResNet-18 of convolutions in many small groups, interleaved by others across the groups.

Source: Zhang, Qi, Xiao, Wang: Interleaved Group Convolutions (ICCV 2017); nets and channel counts
are those of the authors' code for ImageNet.

    layer   3x3 in L groups of M channels -> shuffle -> pointwise in M groups of L -> shuffle -> BN
    block   layer -> ReLU -> layer (+ input, or pointwise in L groups -> BN of it) -> ReLU
    net     7x7 stride 2, half of L x M channels -> BN -> ReLU -> pool -> stages of two blocks each,
            L, 2 L, 4 L and 8 L groups, all of M channels -> global average -> fully connected
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, make_entry
from tinydeploy.zoo.layers import check_arguments, conv_bn, shuffle_channels
from tinydeploy.zoo.registry import Published, register_model

_STAGES, _BLOCKS = 4, 2


class Interleaved(nn.Module):
    """One layer.

    Args:
        in_channels: Channels in.
        groups: Of the 3x3 convolution.
        each: Channels out of each of them.
        stride: Of the 3x3 convolution.
    """

    def __init__(self, in_channels: int, groups: int, each: int, stride: int) -> None:
        super().__init__()
        self.groups, self.each = groups, each
        out = groups * each
        self.primary = nn.Conv2d(in_channels, out, 3, stride, 1, groups=groups, bias=False)
        self.secondary = nn.Conv2d(out, out, 1, groups=each, bias=False)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, groups * each, ceil(h / stride), ceil(w / stride)]."""
        x = self.secondary(shuffle_channels(self.primary(x), self.groups))
        y: Tensor = self.bn(shuffle_channels(x, self.each))
        return y


class Block(nn.Module):
    """Two layers and a way around them; arguments as those of a layer."""

    def __init__(self, in_channels: int, groups: int, each: int, stride: int) -> None:
        super().__init__()
        out = groups * each
        self.layers = nn.Sequential(
            Interleaved(in_channels, groups, each, stride),
            nn.ReLU(),
            Interleaved(out, groups, each, 1),
        )
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out:
            self.shortcut = conv_bn(in_channels, out, 1, stride, groups=groups, activation=None)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, groups * each, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.activation(self.layers(x) + self.shortcut(x))
        return y


class Igcv1(nn.Module):
    """The classifier; logits come out.

    Args:
        groups: Groups of the first stage's 3x3 convolutions, L.
        each: Channels of every group, M, an even number.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.
    """

    def __init__(
        self,
        groups: int,
        each: int,
        *,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments("IGCV1", groups * (each // 2), classes, in_channels, stem_stride)
        channels = groups * (each // 2)
        layers: list[nn.Module] = [
            conv_bn(in_channels, channels, 7, stem_stride),
            nn.MaxPool2d(3, 2, 1),
        ]
        for stage in range(_STAGES):
            for block in range(_BLOCKS):
                stride = 2 if stage and not block else 1
                layers.append(Block(channels, groups << stage, each, stride))
                channels = (groups << stage) * each
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return logits


register_model(
    make_entry(
        "igcv1_l100m2",
        "IGCV1 of 100 groups of 2",
        partial(Igcv1, 100, 2),
        Published(
            8.61e6,
            1.3e9,
            73.05,
            "the authors' list of trained nets (Zhang et al. 2017)",
            remark="the authors give two digits of the MACs",
        ),
    )
)
