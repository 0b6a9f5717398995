"""FBNetV2: inverted residuals whose channels and sizes were searched by masking.

Source: Wan et al.: FBNetV2: Differentiable Neural Architecture Search for Spatial and Channel
Dimensions (CVPR 2020); the tables are those of the authors' trained nets.

    block  pointwise to `expansion` times the channels -> depthwise -> squeeze-and-excite ->
           pointwise, linear (+ input)
    skip   nothing, or a pointwise convolution where channels change
    head   pointwise to 6 times the channels -> global average -> pointwise, hard-swish -> fully
           connected
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, PREPROCESSING
from tinydeploy.zoo.layers import (
    Activation,
    SqueezeExcite,
    check_arguments,
    conv_bn,
    make_divisible,
)
from tinydeploy.zoo.registry import ModelEntry, Published, register_model

_HEAD_EXPANSION = 6


@dataclass(frozen=True)
class Row:
    """A block; with kernel 0, one that is skipped."""

    kernel: int
    out: int
    stride: int = 1
    expansion: float = 1.0
    excite: bool = False
    hard: bool = False


def _skip(out: int) -> Row:
    return Row(0, out)


def _hard(kernel: int, out: int, stride: int, expansion: float, excite: bool = False) -> Row:
    return Row(kernel, out, stride, expansion, excite, hard=True)


_F1 = (
    Row(5, 8),
    Row(5, 24, 2, 5.4566),
    Row(5, 24, 1, 4.7912),
    Row(5, 32, 2, 5.3501, True),
    Row(5, 24, 1, 4.5379, True),
    _hard(5, 56, 2, 5.7133),
    _hard(3, 56, 1, 4.1212),
    _hard(3, 56, 1, 5.1246, True),
    _skip(80),
    _hard(5, 80, 1, 4.5070, True),
    _hard(5, 80, 1, 1.7712, True),
    _hard(3, 144, 2, 4.5685, True),
    _hard(5, 144, 1, 5.8400, True),
    _hard(5, 144, 1, 6.8754, True),
    _skip(224),
)
_F4 = (
    Row(3, 16),
    Row(5, 24, 2, 5.4566),
    Row(5, 24, 1, 1.7912),
    Row(5, 24, 1, 1.7912),
    Row(5, 32, 2, 5.3501, True),
    Row(5, 32, 1, 3.5379, True),
    Row(5, 32, 1, 4.5379, True),
    Row(5, 32, 1, 4.5379, True),
    _hard(5, 64, 2, 5.7133),
    _hard(3, 64, 1, 2.1212),
    _skip(64),
    _hard(3, 104, 1, 5.0333),
    _hard(5, 104, 1, 2.5070, True),
    _hard(5, 104, 1, 1.7712, True),
    _hard(5, 112, 1, 3.7712, True),
    _hard(3, 184, 2, 5.5685, True),
    _hard(5, 184, 1, 2.8400, True),
    _hard(5, 184, 1, 4.8754, True),
    _skip(224),
)


def _large(channels: tuple[int, ...], longer: int, *, hard: bool) -> tuple[Row, ...]:
    """The tables of L2 and L3, which differ in channels and by one block.

    Args:
        channels: Of the seven changes of width.
        longer: Blocks more of the fifth width.
        hard: Hard-swish already in the first blocks.
    """
    first, second, wide, third, fourth, fifth, sixth, last = channels
    return (
        Row(3, first, hard=hard),
        Row(5, second, 2, 5.4566, hard=hard),
        Row(5, second, 1, 1.7912, hard=hard),
        Row(3, second, 1, 1.7912, hard=hard),
        Row(5, second, 1, 1.7912, hard=hard),
        Row(5, wide, 2, 5.3501, True),
        Row(5, third, 1, 3.5379, True),
        Row(5, third, 1, 4.5379, True),
        Row(5, third, 1, 4.5379, True),
        _hard(5, fourth, 2, 5.7133),
        _hard(3, fourth, 1, 2.1212),
        _skip(fourth),
        _hard(3, fourth, 1, 3.1246),
        _hard(3, fifth, 1, 5.0333),
        _hard(5, fifth, 1, 2.5070, True),
        _hard(5, fifth, 1, 1.7712, True),
        _hard(5, fifth, 1, 2.7712, True),
        *[_hard(5, fifth, 1, 3.7712, True)] * (2 + longer),
        _hard(3, sixth, 2, 5.5685, True),
        *[_hard(5, sixth, 1, 2.8400, True)] * 2,
        *[_hard(5, sixth, 1, 4.8754, True)] * 2,
        _skip(last),
    )


class Block(nn.Module):
    """One inverted residual.

    Args:
        in_channels: Channels in.
        row: The rest.
    """

    def __init__(self, in_channels: int, row: Row) -> None:
        super().__init__()
        self.identity = row.stride == 1 and in_channels == row.out
        activation: Activation = nn.Hardswish if row.hard else nn.ReLU
        wide = make_divisible(in_channels * row.expansion)
        layers: list[nn.Module] = []
        if wide != in_channels:
            layers.append(conv_bn(in_channels, wide, 1, activation=activation))
        layers.append(
            conv_bn(wide, wide, row.kernel, row.stride, groups=wide, activation=activation)
        )
        if row.excite:
            layers.append(SqueezeExcite(wide, make_divisible(wide // 4)))
        layers.append(conv_bn(wide, row.out, 1, activation=None))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.block(x)
        return x + y if self.identity else y


class FBNetV2(nn.Module):
    """The classifier; logits come out.

    Args:
        rows: Its table.
        stem: Channels of the first convolution.
        head: Channels of the last pointwise convolution.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.
    """

    def __init__(
        self,
        rows: tuple[Row, ...],
        stem: int,
        head: int,
        *,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments("FBNetV2", 1.0, classes, in_channels, stem_stride)
        layers: list[nn.Module] = [
            conv_bn(in_channels, stem, stride=stem_stride, activation=nn.Hardswish)
        ]
        channels = stem
        for row in rows:
            if row.kernel:
                layers.append(Block(channels, row))
            elif row.out != channels:
                layers.append(conv_bn(channels, row.out, 1))
            channels = row.out
        wide = _HEAD_EXPANSION * channels
        self.features = nn.Sequential(
            *layers, conv_bn(channels, wide, 1, activation=nn.Hardswish), nn.AdaptiveAvgPool2d(1)
        )
        self.head = nn.Sequential(nn.Conv2d(wide, head, 1), nn.Hardswish())
        self.classifier = nn.Linear(head, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.head(self.features(x)).flatten(1))
        return logits


_AUTHORS = "the authors' list of trained nets"
_APART = "counts are up to 2 % apart: how channels inside of blocks are rounded is not in the paper"
_L2 = _large((16, 24, 40, 32, 64, 112, 184, 224), 0, hard=True)
_L3 = _large((24, 32, 48, 40, 72, 120, 192, 240), 1, hard=False)
for _name, _rows, _stem, _head, _size, _published in (
    ("f1", _F1, 8, 1600, 128, Published(6.0e6, 56.3e6, 68.3, _AUTHORS, remark=_APART)),
    ("f4", _F4, 16, 1984, 224, Published(7.0e6, 235.9e6, 75.5, _AUTHORS, remark=_APART)),
    ("l2", _L2, 16, 1984, 256, Published(8.4e6, 419.1e6, 77.7, _AUTHORS, remark=_APART)),
    ("l3", _L3, 24, 1984, 288, Published(9.4e6, 753.1e6, 78.9, _AUTHORS, remark=_APART)),
):
    register_model(
        ModelEntry(
            name=f"fbnet_v2_{_name}",
            title=f"FBNetV2-{_name.upper()}, for ImageNet pictures of {_size}x{_size}",
            published=_published,
            input_shape=(1, 3, _size, _size),
            classes=CLASSES,
            preprocessing=PREPROCESSING,
            build=partial(FBNetV2, _rows, _stem, _head),
        )
    )
