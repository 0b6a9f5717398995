"""MicroNet: factorized convolutions and activations that mix channels as the input asks for.

Source: Li, Chen et al.: MicroNet: Improving Image Recognition with Extremely Low FLOPs (ICCV 2021);
the tables are those of the authors' trained nets M2 and M3.

    stem     3x1, stride (2, 1) -> BN -> 1x3 in groups, stride (1, 2) -> BN -> shuffle -> ReLU6
    narrow   k x 1 -> BN -> 1 x k -> BN, depthwise -> activation -> pointwise in groups -> BN
    wide     pointwise in groups -> BN -> activation -> k x 1 -> BN -> 1 x k -> BN, depthwise ->
             activation -> pointwise in groups -> BN (+ input)
    last     pointwise in groups -> BN
    dynamic shift-max  sums of each channel and one of the next group, weighted by numbers that are
             computed from all channels' means; the larger of two such sums, or one alone
    head     ReLU6 -> global average -> hard-swish -> two times fully connected -> BN -> hard-swish
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, make_entry
from tinydeploy.zoo.layers import check_arguments, conv_bn, make_divisible, shuffle_channels
from tinydeploy.zoo.registry import Published, register_model

_HEAD = 1024
_REDUCTION = 8
_RANGE = 4.0  # of the computed weights, around their first values


@dataclass(frozen=True)
class Row:
    """A block.

    Args:
        out: Channels out.
        kernel: Of the depthwise convolutions.
        stride: Likewise.
        grow: Factors of channels: of the first convolution of two, and of both.
        groups: Of the first pointwise convolution, 0 where there is none; of the shuffle behind it.
        out_groups: Of the last pointwise convolution, and of the shuffle; 0 where there is none.
        reduction: Of the channels that weights are computed from, relative to most blocks.
        plain: ReLU6 behind the depthwise convolutions, whatever the net has.
    """

    out: int
    kernel: int
    stride: int
    grow: tuple[int, int]
    groups: tuple[int, int]
    out_groups: tuple[int, int]
    reduction: int
    plain: bool = False


@dataclass(frozen=True)
class Table:
    """A net.

    Args:
        stem: Groups of the stem's second convolution, and channels of each.
        dynamic: Where activations compute weights: behind the first pointwise convolution, behind
            the depthwise ones, behind the last.
        first: First values of the weights of a channel, in both sums, and of its partner, likewise.
        rows: The blocks.
    """

    stem: tuple[int, int]
    dynamic: tuple[bool, bool, bool]
    first: tuple[float, float, float, float]
    rows: tuple[Row, ...]


class ShiftMax(nn.Module):
    """Dynamic shift-max.

    Args:
        channels: Channels in and out.
        groups: A channel's partner is the next but one place on, in the next group.
        squeezed: Channels between the two layers that compute weights.
        first: First values of weights: both sums' own channels, both sums' partners; of one sum
            alone where there are two.
    """

    def __init__(self, channels: int, groups: int, squeezed: int, first: tuple[float, ...]) -> None:
        super().__init__()
        self.first = first
        places = torch.arange(channels).view(groups, channels // groups)
        self.register_buffer("partner", places.roll((-1, -1), (0, 1)).flatten(), persistent=False)
        self.fc = nn.Sequential(
            nn.Linear(channels, squeezed),
            nn.ReLU(),
            nn.Linear(squeezed, channels * len(first)),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w], in and out."""
        channels = x.shape[1]
        weights = (self.fc(x.mean((2, 3))) - 0.5) * _RANGE
        partner = torch.index_select(x, 1, self.partner)  # type: ignore[arg-type]
        parts = torch.split(weights[:, :, None, None], int(channels), 1)
        a, b = parts[0] + self.first[0], parts[1] + self.first[len(self.first) // 2]
        y = x * a + partner * b
        if len(parts) == 2:
            return y
        a, b = parts[2] + self.first[1], parts[3] + self.first[3]
        return torch.maximum(y, x * a + partner * b)


def _separable(channels: int, grow: tuple[int, int], kernel: int, stride: int) -> list[nn.Module]:
    """Depthwise k x 1 and 1 x k, each with BN."""
    middle, out = channels * grow[0], channels * grow[0] * grow[1]
    half = kernel // 2
    return [
        nn.Conv2d(
            channels, middle, (kernel, 1), (stride, 1), (half, 0), groups=channels, bias=False
        ),
        nn.BatchNorm2d(middle),
        nn.Conv2d(middle, out, (1, kernel), (1, stride), (0, half), groups=middle, bias=False),
        nn.BatchNorm2d(out),
    ]


class Shuffle(nn.Module):
    """See `shuffle_channels`."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w], in and out."""
        return shuffle_channels(x, self.groups)


class Block(nn.Module):
    """One block of either kind.

    Args:
        in_channels: Channels in.
        row: The rest.
        table: The net's activations.
    """

    def __init__(self, in_channels: int, row: Row, table: Table) -> None:
        super().__init__()
        self.identity = row.stride == 1 and in_channels == row.out
        behind_first, behind_depthwise, behind_last = table.dynamic
        behind_depthwise = behind_depthwise and not row.plain
        wide = in_channels * row.grow[0] * row.grow[1]
        reduction = _REDUCTION * row.reduction
        groups, out_groups = row.groups, row.out_groups

        def activate(channels: int, group: int, part: int, *, dynamic: bool) -> nn.Module:
            if not dynamic:
                return nn.ReLU6()
            return ShiftMax(channels, group, _squeeze(channels, part), table.first)

        def mix(channels: int, group: int, part: int) -> nn.Module:
            if not behind_last:
                return nn.Identity()
            return ShiftMax(channels, group, _squeeze(channels, part), (1.0, 0.0))

        layers: list[nn.Module] = []
        if groups[0]:
            layers.append(conv_bn(in_channels, wide, 1, groups=groups[0], activation=None))
            if not out_groups[0]:
                self.layers = nn.Sequential(*layers, mix(wide, groups[1], reduction))
                return
            layers.append(activate(wide, groups[1], reduction, dynamic=behind_first))
            layers.append(Shuffle(groups[1]))
            layers += _separable(wide, (1, 1), row.kernel, row.stride)
            group = wide // groups[1] if groups[1] != 1 else 1
            layers.append(activate(wide, group, reduction, dynamic=behind_depthwise))
            if behind_first or behind_depthwise:
                layers.append(Shuffle(wide // (4 if behind_first and behind_depthwise else 2)))
        else:
            layers += _separable(in_channels, row.grow, row.kernel, row.stride)
            layers.append(activate(wide, groups[1], reduction, dynamic=behind_depthwise))
            layers.append(Shuffle(groups[1]))
            if behind_depthwise:
                layers.append(Shuffle(wide // 2))
        layers.append(conv_bn(wide, row.out, 1, groups=out_groups[0], activation=None))
        halved = reduction // 2 if row.out < wide or not groups[0] else reduction
        layers += [mix(row.out, out_groups[1], halved), Shuffle(out_groups[1])]
        if behind_last:
            layers.append(Shuffle(row.out // 2))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.layers(x)
        return x + y if self.identity else y


def _squeeze(channels: int, reduction: int) -> int:
    return max(4, make_divisible(channels // reduction, 4))


class MicroNet(nn.Module):
    """The classifier; scores come out, behind a hard-swish.

    Args:
        table: The net.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.
    """

    def __init__(
        self, table: Table, *, classes: int = CLASSES, in_channels: int = 3, stem_stride: int = 2
    ) -> None:
        super().__init__()
        check_arguments("MicroNet", 1.0, classes, in_channels, stem_stride)
        groups, each = table.stem
        channels = groups * each
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, groups, (3, 1), (stem_stride, 1), (1, 0), bias=False),
            nn.BatchNorm2d(groups),
            nn.Conv2d(
                groups, channels, (1, 3), (1, stem_stride), (0, 1), groups=groups, bias=False
            ),
            nn.BatchNorm2d(channels),
            Shuffle(groups),
            nn.ReLU6(),
        ]
        for row in table.rows:
            layers.append(Block(channels, row, table))
            channels = row.out
        self.features = nn.Sequential(*layers, nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Hardswish())
        self.classifier = nn.Sequential(
            nn.Linear(channels, _HEAD),
            nn.BatchNorm1d(_HEAD),
            nn.Hardswish(),
            nn.Linear(_HEAD, classes),
            nn.BatchNorm1d(classes),
            nn.Hardswish(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> scores [n, classes]."""
        scores: Tensor = self.classifier(self.features(x).flatten(1))
        return scores


_M2 = Table(
    (4, 2),
    (True, True, True),
    (1.0, 1.0, 0.0, 0.0),
    (
        Row(12, 3, 2, (2, 2), (0, 8), (4, 4), 1, plain=True),
        Row(16, 3, 2, (2, 2), (0, 12), (4, 4), 1),
        Row(24, 3, 1, (2, 2), (0, 16), (4, 4), 1),
        Row(32, 5, 2, (1, 6), (6, 6), (4, 4), 1),
        Row(32, 5, 1, (1, 6), (8, 8), (4, 4), 2),
        Row(64, 5, 1, (1, 6), (8, 8), (8, 8), 2),
        Row(96, 5, 2, (1, 6), (8, 8), (8, 8), 2),
        Row(128, 3, 1, (1, 6), (12, 12), (8, 8), 2),
        Row(768, 3, 1, (1, 6), (16, 16), (0, 0), 2),
    ),
)
_M3 = Table(
    (4, 3),
    (False, True, False),
    (1.0, 0.5, 0.0, 0.5),
    (
        Row(16, 3, 2, (2, 2), (0, 12), (4, 4), 1),
        Row(24, 3, 2, (2, 2), (0, 16), (4, 4), 1),
        Row(24, 3, 1, (2, 2), (0, 24), (4, 4), 1),
        Row(32, 5, 2, (1, 6), (6, 6), (4, 4), 1),
        Row(32, 5, 1, (1, 6), (8, 8), (4, 4), 2),
        Row(64, 5, 1, (1, 6), (8, 8), (8, 8), 2),
        Row(80, 5, 1, (1, 6), (8, 8), (8, 8), 2),
        Row(80, 5, 1, (1, 6), (10, 10), (8, 8), 2),
        Row(120, 5, 2, (1, 6), (10, 10), (10, 10), 2),
        Row(120, 5, 1, (1, 6), (12, 12), (10, 10), 2),
        Row(144, 3, 1, (1, 6), (12, 12), (12, 12), 2),
        Row(864, 3, 1, (1, 6), (12, 12), (0, 0), 2),
    ),
)

_AUTHORS = "Li et al. 2021, and the authors' list of trained nets"
_WITH_BN = "with a MAC for each of BN's values there are {} M here, too"
for _name, _table, _published in (
    ("m2", _M2, Published(2.4e6, 12e6, 59.4, _AUTHORS, remark=_WITH_BN.format(11.7))),
    ("m3", _M3, Published(2.6e6, 21e6, 62.5, _AUTHORS, remark=_WITH_BN.format(20.5))),
):
    register_model(
        make_entry(
            f"micronet_{_name}",
            f"MicroNet-{_name.upper()}",
            partial(MicroNet, _table),
            _published,
        )
    )
