"""MobileNetV3, small and large: inverted residuals with squeeze-and-excite and hard-swish.

Source: Howard et al.: Searching for MobileNetV3 (ICCV 2019), tables 1 and 2. The minimalistic
variants of the authors' code have neither squeeze-and-excite nor hard-swish nor 5x5 kernels, which
suits integer kernels.

    block  pointwise to `expanded` -> depthwise -> squeeze-and-excite -> pointwise, linear (+ input)
    head   pointwise to 6 times the channels, global average, fully connected 1024 or 1280,
           fully connected

At half the width and below the authors' stem has 8 channels, as torchvision's; timm's keeps 16.

State dicts of torchvision's mobilenet_v3_small and _large fit, of width 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor, nn

from tinydeploy.zoo.imagenet import CLASSES, register_widths
from tinydeploy.zoo.layers import SqueezeExcite, check_arguments, conv_bn, make_divisible
from tinydeploy.zoo.registry import Published

Size = Literal["small", "large"]

_EPS = 1e-3


@dataclass(frozen=True)
class Block:
    """A row of the paper's tables: `excite` has squeeze-and-excite, `hard` hard-swish, not ReLU."""

    kernel: int
    expanded: int
    out: int
    excite: bool
    hard: bool
    stride: int


_BLOCKS: dict[Size, tuple[Block, ...]] = {
    "small": (
        Block(3, 16, 16, True, False, 2),
        Block(3, 72, 24, False, False, 2),
        Block(3, 88, 24, False, False, 1),
        Block(5, 96, 40, True, True, 2),
        Block(5, 240, 40, True, True, 1),
        Block(5, 240, 40, True, True, 1),
        Block(5, 120, 48, True, True, 1),
        Block(5, 144, 48, True, True, 1),
        Block(5, 288, 96, True, True, 2),
        Block(5, 576, 96, True, True, 1),
        Block(5, 576, 96, True, True, 1),
    ),
    "large": (
        Block(3, 16, 16, False, False, 1),
        Block(3, 64, 24, False, False, 2),
        Block(3, 72, 24, False, False, 1),
        Block(5, 72, 40, True, False, 2),
        Block(5, 120, 40, True, False, 1),
        Block(5, 120, 40, True, False, 1),
        Block(3, 240, 80, False, True, 2),
        Block(3, 200, 80, False, True, 1),
        Block(3, 184, 80, False, True, 1),
        Block(3, 184, 80, False, True, 1),
        Block(3, 480, 112, True, True, 1),
        Block(3, 672, 112, True, True, 1),
        Block(5, 672, 160, True, True, 2),
        Block(5, 960, 160, True, True, 1),
        Block(5, 960, 160, True, True, 1),
    ),
}
_HEADS: dict[Size, int] = {"small": 1024, "large": 1280}


class InvertedResidual(nn.Module):
    """One block of scaled channel counts.

    Args:
        in_channels: Channels in.
        block: The rest.
    """

    def __init__(self, in_channels: int, block: Block) -> None:
        super().__init__()
        self.identity = block.stride == 1 and in_channels == block.out
        activation = nn.Hardswish if block.hard else nn.ReLU
        make = partial(conv_bn, activation=activation, eps=_EPS)
        wide = block.expanded
        layers: list[nn.Module] = [make(in_channels, wide, 1)] if wide != in_channels else []
        layers.append(make(wide, wide, block.kernel, block.stride, groups=wide))
        if block.excite:
            layers.append(SqueezeExcite(wide, make_divisible(wide // 4)))
        layers.append(conv_bn(wide, block.out, 1, activation=None, eps=_EPS))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.block(x)
        return x + y if self.identity else y


class MobileNetV3(nn.Module):
    """The classifier; logits come out.

    Args:
        size: "small" or "large".
        width: Factor of every channel count but the expanded ones, which keep their ratio to the
            block's input; the head's is never below 1.
        minimal: Without squeeze-and-excite, hard-swish and 5x5 kernels; the head keeps its width.
        classes: Outputs.
        in_channels: Channels of the input.
        stem: Channels of the first convolution; None for 16 times the width.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.
    """

    def __init__(
        self,
        size: Size = "small",
        width: float = 1.0,
        *,
        minimal: bool = False,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem: int | None = None,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments(f"MobileNetV3 {size}", width, classes, in_channels, stem_stride)
        last_activation = nn.ReLU if minimal else nn.Hardswish
        make = partial(conv_bn, activation=last_activation, eps=_EPS)
        unscaled = 16
        channels = stem or make_divisible(unscaled * width)
        layers: list[nn.Module] = [make(in_channels, channels, stride=stem_stride)]
        for block in _BLOCKS[size]:
            scaled = Block(
                kernel=3 if minimal else block.kernel,
                expanded=make_divisible(channels * block.expanded / unscaled),
                out=make_divisible(block.out * width),
                excite=block.excite and not minimal,
                hard=block.hard and not minimal,
                stride=block.stride,
            )
            layers.append(InvertedResidual(channels, scaled))
            channels, unscaled = scaled.out, block.out
        layers.append(make(channels, 6 * channels, 1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        head = make_divisible(_HEADS[size] * max(1.0, width))
        self.classifier = nn.Sequential(
            nn.Linear(6 * channels, head),
            last_activation(),
            nn.Dropout(0.2),
            nn.Linear(head, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


_PAPER = "Howard et al. 2019, tables 3 and 4"
_TORCHVISION = "torchvision's mobilenet_v3_small; the paper's first version had 2.9 M parameters"
_TIMM = "timm's mobilenetv3_small_075"
_HALF = "Howard et al. 2019, as Li et al. 2021 quote them"
_MINIMAL = "timm's tf_mobilenetv3_small_minimal_100, after the authors' code"
register_widths(
    "mobilenet_v3_small",
    "MobileNetV3 small",
    partial(MobileNetV3, "small"),
    {
        1.0: Published(2.54e6, 56.5e6, 67.67, _TORCHVISION),
        0.75: Published(2.04e6, 43.4e6, 65.28, _TIMM),
        0.5: Published(1.6e6, 21e6, 58.0, _HALF),
    },
)
register_widths(
    "mobilenet_v3_small_stem16",
    "MobileNetV3 small with the stem of width 1",
    partial(MobileNetV3, "small", stem=16),
    {0.5: Published(1_593_224, 24.2e6, 57.92, "timm's mobilenetv3_small_050")},
)
register_widths(
    "mobilenet_v3_large",
    "MobileNetV3 large",
    partial(MobileNetV3, "large"),
    {
        1.0: Published(
            5.4e6, 219e6, 75.2, _PAPER, remark="torchvision's and timm's nets count as here"
        ),
        0.75: Published(4.0e6, 155e6, 73.3, _PAPER),
    },
)
register_widths(
    "mobilenet_v3_small_minimal",
    "MobileNetV3 small, minimalistic",
    partial(MobileNetV3, "small", minimal=True),
    {1.0: Published(2.04e6, 52.3e6, 62.89, _MINIMAL)},
)
