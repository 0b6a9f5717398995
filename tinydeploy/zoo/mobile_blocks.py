"""Nets that are a table of inverted residuals, and the table's columns.

    block  pointwise to `expansion` times the channels -> depthwise -> squeeze-and-excite ->
           pointwise, linear (+ input); without the first pointwise where nothing is expanded
    net    stem 3x3, stride 2 -> blocks -> pointwise `head` -> global average -> fully connected

Several kernels in a block split its depthwise channels among them (Tan, Le: MixConv: Mixed
Depthwise Convolutional Kernels, BMVC 2019); pointwise convolutions can be split likewise.

The parts are named as in timm's nets of that kind, so that their state dicts fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES
from tinydeploy.zoo.layers import Activation, check_arguments, make_divisible


@dataclass(frozen=True)
class Row:
    """Some equal blocks, of which only the first changes channels and size.

    Args:
        blocks: How many.
        out: Channels out.
        stride: Of the first block.
        expansion: Channels inside, as a multiple of those in.
        kernels: Sides of the depthwise kernels, by part of the channels.
        excite: Channels of squeeze-and-excite as a part of those in; 0 for none.
        split_expand: Parts of the first pointwise convolution.
        split_project: Parts of the last one.
        activation: As the net's where None.
        plain: Depthwise and pointwise only, nothing expanded.
    """

    blocks: int
    out: int
    stride: int
    expansion: float = 1
    kernels: tuple[int, ...] = (3,)
    excite: float = 0
    split_expand: int = 1
    split_project: int = 1
    activation: Activation | None = None
    plain: bool = False


class SqueezeExcite(nn.Module):
    """Scales each channel by the sigmoid of a number that is computed from all channels' means.

    Args:
        channels: Channels in and out.
        squeezed: Channels between the two layers.
        activation: Between them.
    """

    def __init__(self, channels: int, squeezed: int, activation: Activation) -> None:
        super().__init__()
        self.conv_reduce = nn.Conv2d(channels, squeezed, 1)
        self.act1 = activation()
        self.conv_expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w], in and out."""
        means = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.conv_expand(self.act1(self.conv_reduce(means))))


class SplitConv(nn.ModuleDict):
    """Convolutions of parts of the channels, side by side.

    Args:
        in_channels: Channels in, of all parts.
        out_channels: Channels out, of all parts.
        kernels: Side of each part's kernel.
        stride: Of all.
        depthwise: One filter for each channel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernels: Sequence[int],
        stride: int = 1,
        *,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = _share_out(in_channels, len(kernels))
        outs = _share_out(out_channels, len(kernels))
        for part, (size, out, kernel) in enumerate(zip(self.sizes, outs, kernels, strict=True)):
            self[str(part)] = nn.Conv2d(
                size,
                out,
                kernel,
                stride,
                kernel // 2,
                groups=size if depthwise else 1,
                bias=False,
            )

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out_channels, ceil(h / stride), ceil(w / stride)]."""
        parts = torch.split(x, self.sizes, 1)
        return torch.cat([conv(part) for conv, part in zip(self.values(), parts, strict=True)], 1)


def _share_out(channels: int, parts: int) -> list[int]:
    """Equal shares; the first gets what is left over."""
    share = channels // parts
    return [channels - share * (parts - 1), *[share] * (parts - 1)]


def _conv(
    in_channels: int,
    out_channels: int,
    kernels: Sequence[int] = (1,),
    stride: int = 1,
    *,
    depthwise: bool = False,
) -> nn.Module:
    if len(kernels) > 1:
        return SplitConv(in_channels, out_channels, kernels, stride, depthwise=depthwise)
    (kernel,) = kernels
    groups = in_channels if depthwise else 1
    return nn.Conv2d(
        in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
    )


class PlainBlock(nn.Module):
    """Depthwise -> squeeze-and-excite -> pointwise, linear (+ input).

    Args:
        in_channels: Channels in.
        row: The rest; a single block of it.
        activation: Behind the depthwise convolution.
    """

    def __init__(self, in_channels: int, row: Row, activation: Activation) -> None:
        super().__init__()
        self.identity = row.stride == 1 and in_channels == row.out
        self.conv_dw = _conv(in_channels, in_channels, row.kernels, row.stride, depthwise=True)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.act1 = activation()
        self.se = _excite(in_channels, in_channels, row, activation)
        self.conv_pw = _conv(in_channels, row.out, (1,) * row.split_project)
        self.bn2 = nn.BatchNorm2d(row.out)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.se(self.act1(self.bn1(self.conv_dw(x))))
        y = self.bn2(self.conv_pw(y))
        return x + y if self.identity else y


class InvertedResidual(nn.Module):
    """Pointwise -> depthwise -> squeeze-and-excite -> pointwise, linear (+ input).

    Args:
        in_channels: Channels in.
        row: The rest; a single block of it.
        activation: Behind the first two convolutions.
    """

    def __init__(self, in_channels: int, row: Row, activation: Activation) -> None:
        super().__init__()
        self.identity = row.stride == 1 and in_channels == row.out
        inside = make_divisible(in_channels * row.expansion)
        self.conv_pw = _conv(in_channels, inside, (1,) * row.split_expand)
        self.bn1 = nn.BatchNorm2d(inside)
        self.act1 = activation()
        self.conv_dw = _conv(inside, inside, row.kernels, row.stride, depthwise=True)
        self.bn2 = nn.BatchNorm2d(inside)
        self.act2 = activation()
        self.se = _excite(in_channels, inside, row, activation)
        self.conv_pwl = _conv(inside, row.out, (1,) * row.split_project)
        self.bn3 = nn.BatchNorm2d(row.out)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.act1(self.bn1(self.conv_pw(x)))
        y = self.se(self.act2(self.bn2(self.conv_dw(y))))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.identity else y


def _excite(in_channels: int, inside: int, row: Row, activation: Activation) -> nn.Module:
    if not row.excite:
        return nn.Identity()
    return SqueezeExcite(inside, round(in_channels * row.excite), activation)


class BlockNet(nn.Module):
    """The classifier that a table describes; logits come out.

    Args:
        name: Of the architecture, for errors.
        stages: The table; rows of one stage are numbered through in names of weights.
        stem: Channels of the first convolution.
        head: Channels of the last pointwise convolution.
        width: Factor of all channel counts but the head's, which only grows.
        activation: Of all layers whose row names none.
        head_activation: Behind the last pointwise convolution, where it is another.
        scale_head: Widths over 1 widen the head as well.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.
    """

    def __init__(
        self,
        name: str,
        stages: Sequence[Sequence[Row]],
        *,
        stem: int,
        head: int,
        width: float = 1.0,
        activation: Activation = nn.ReLU,
        head_activation: Activation | None = None,
        scale_head: bool = True,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments(name, width, classes, in_channels, stem_stride)
        channels = make_divisible(stem * width)
        self.conv_stem = nn.Conv2d(in_channels, channels, 3, stem_stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = activation()
        made = []
        for rows in stages:
            blocks: list[nn.Module] = []
            for row in rows:
                block = PlainBlock if row.plain else InvertedResidual
                out = make_divisible(row.out * width)
                for index in range(row.blocks):
                    single = replace(row, out=out, stride=1 if index else row.stride)
                    blocks.append(block(channels, single, row.activation or activation))
                    channels = out
            made.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*made)
        last = make_divisible(head * max(1.0, width)) if scale_head else head
        self.conv_head = nn.Conv2d(channels, last, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(last)
        self.act2 = (head_activation or activation)()
        self.classifier = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        x = self.blocks(self.act1(self.bn1(self.conv_stem(x))))
        x = self.act2(self.bn2(self.conv_head(x)))
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits
