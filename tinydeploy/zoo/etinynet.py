"""EtinyNet: linear depthwise blocks with BN behind ReLU, and dense shortcuts in the late stages.

Source: Xu, Li, Zhang, Lai, Gu: EtinyNet: Extremely Tiny Network for TinyML (AAAI 2022), and the
authors' published network and weights. A block's first depthwise convolution has no activation;
elsewhere the order is convolution -> ReLU -> BN, so these BNs do not fold into the convolution.

    LB   z = B(A(x))           A = DW3x3(stride) -> BN -> PW1x1 -> ReLU -> BN
    DLB  y = A(x) (+ x)        B = DW3x3 -> ReLU -> BN
         z = B(y) + y          (+ x only where stride and channels allow)

    stem     3x3, 32 channels, stride 2 -> ReLU -> BN -> max-pool 2x2
    stage 1  LB   32 x 4                   stage 2  LB  128 x 4, the first with stride 2
    stage 3  DLB 192 x 3, stride 2         stage 4  DLB 256 x 2 and 512, stride 2
    head     global average, 1x1 convolution with bias

Published for 224x224 pictures of ImageNet (parameters count BN's running statistics, MACs one per
BN element; model/count.py counts both conventions):

    width   parameters   MACs    top-1   top-5
    1.0     976 K        117 M   65.5 %  86.2 %
    0.75    680 K        75 M    62.2 %  84.0 %    (its stage 3 is 168 channels wide, not 144)

Other widths multiply every channel count, rounding down, as the authors' code does.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from tinydeploy.errors import UsageError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.zoo.imagenet import parse_width
from tinydeploy.zoo.registry import ModelEntry, Published, register_family, register_model

# The pixel minus 128: the int8 input of a quantized net is the pixel itself, shifted.
PREPROCESSING = Preprocessing(mean=(128.0, 128.0, 128.0), std=(1.0, 1.0, 1.0))
INPUT_SHAPE = (1, 3, 224, 224)
CLASSES = 1000


@dataclass(frozen=True)
class EtinyNetConfig:
    """What may differ between EtinyNets.

    Args:
        channels: Width of the stem, of the stages 1 to 4, and of stage 4's last block.
        depths: Blocks in each stage; the stages left out (0) must be the last ones.
        in_channels: Channels of the input.
        classes: Outputs.
    """

    channels: tuple[int, int, int, int, int, int] = (32, 32, 128, 192, 256, 512)
    depths: tuple[int, int, int, int] = (4, 4, 3, 3)
    in_channels: int = 3
    classes: int = CLASSES

    def __post_init__(self) -> None:
        used = [depth > 0 for depth in self.depths]
        if min(self.depths) < 0 or not used[0] or sorted(used, reverse=True) != used:
            raise UsageError(
                f"EtinyNet with {self.depths} blocks per stage is not possible",
                "Every stage up to the last one used needs at least one block.",
            )
        if min(*self.channels, self.in_channels, self.classes) < 1:
            raise UsageError(
                f"EtinyNet with channels {self.channels}, input channels {self.in_channels} and "
                f"{self.classes} classes is not possible",
                "Each of them must be at least 1; choose a larger width.",
            )


def scale_width(width: float) -> tuple[int, int, int, int, int, int]:
    """The channels of EtinyNet-`width`, the published 168 of EtinyNet-0.75's stage 3 included."""
    stem, one, two, three, four, last = (int(c * width) for c in EtinyNetConfig.channels)
    return stem, one, two, 168 if width == 0.75 else three, four, last


class Block(nn.Module):
    """LB, or DLB where `dense`.

    The names of the parts are those of the published weights.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        stride: Of the first depthwise convolution.
        dense: Add the shortcuts that make it a DLB.
        limit: Clamp what comes out of the linear BN to +-limit; None for no clamp.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        dense: bool,
        limit: float | None = None,
    ) -> None:
        super().__init__()
        self.dense = dense
        self.identity = dense and stride == 1 and in_channels == out_channels
        self.out1 = nn.Sequential(
            _depthwise(in_channels, stride),
            nn.BatchNorm2d(in_channels),
            *_limit(limit),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.ReLU(),
            nn.BatchNorm2d(out_channels),
        )
        self.out2 = nn.Sequential(
            _depthwise(out_channels, 1),
            nn.ReLU(),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out_channels, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.out1(x)
        if self.identity:
            y = y + x
        z: Tensor = self.out2(y)
        return z + y if self.dense else z


def make_stages(
    config: EtinyNetConfig, limit: float | None = None
) -> tuple[tuple[nn.Sequential, nn.Sequential, nn.Sequential], int]:
    """The stem with stages 1 and 2, stage 3, stage 4; and the channels of the last.

    Args:
        config: Widths and depths.
        limit: Of the linear BNs and the stem's, see `Block`.
    """
    stem, *widths, last = config.channels
    stages = []
    channels = stem
    for stage, (width, depth) in enumerate(zip(widths, config.depths, strict=True)):
        outs = [width] * depth
        if stage == 3:
            outs[-1:] = [last] * bool(depth)
        blocks = []
        for index, out in enumerate(outs):
            stride = 2 if stage > 0 and index == 0 else 1
            blocks.append(Block(channels, out, stride, dense=stage >= 2, limit=limit))
            channels = out
        stages.append(blocks)
    first = nn.Sequential(
        nn.Conv2d(config.in_channels, stem, 3, stride=2, padding=1, bias=False),
        nn.ReLU(),
        nn.BatchNorm2d(stem),
        *_limit(limit),
        nn.MaxPool2d(2),
        *stages[0],
        *stages[1],
    )
    return (first, nn.Sequential(*stages[2]), nn.Sequential(*stages[3])), channels


class EtinyNet(nn.Module):
    """The classifier; logits come out.

    The names of the parts are those of the published weights: features1 is the stem and stages 1
    and 2, features2 is stage 3, features3 is stage 4.
    """

    def __init__(self, config: EtinyNetConfig) -> None:
        super().__init__()
        stages, channels = make_stages(config)
        self.features1, self.features2, self.features3 = stages
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.output = nn.Sequential(nn.Conv2d(channels, config.classes, 1), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]; h and w at least 4."""
        x = self.features3(self.features2(self.features1(x)))
        logits: Tensor = self.output(self.pool(x))
        return logits


def _limit(limit: float | None) -> list[nn.Module]:
    return [] if limit is None else [nn.Hardtanh(-limit, limit)]


def _depthwise(channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)


def describe_foreign_weights(names: frozenset[str]) -> str:
    """What a weights file that does not fit an EtinyNet seems to be; "" where nothing is known."""
    heads = ("class_predictors.", "box_predictors.", "anchor_generators.")
    if any(name.startswith(heads) for name in names):
        return "an SSD detector, not a classifier"
    if "output.0.weight" not in names and any(name.startswith("features") for name in names):
        return "a backbone without a classifier"
    return ""


def _make_entry(width: float, name: str, published: Published | None = None) -> ModelEntry:
    config = EtinyNetConfig(channels=scale_width(width))
    return ModelEntry(
        name=name,
        title=f"EtinyNet, width {width:g}, for ImageNet pictures of 224x224",
        published=published,
        input_shape=INPUT_SHAPE,
        classes=CLASSES,
        preprocessing=PREPROCESSING,
        build=lambda: EtinyNet(config),
        describe_foreign_weights=describe_foreign_weights,
    )


@register_family("etinynet-<width>", "EtinyNet of any width up to 4, for example etinynet-0.5")
def _parse_name(name: str) -> ModelEntry | None:
    width = parse_width("etinynet", name)
    return None if width is None else _make_entry(width, name)


_PAPER = "Xu et al. 2022"
for _width, _parameters, _macs, _top1 in ((1.0, 976e3, 117e6, 65.5), (0.75, 680e3, 75e6, 62.2)):
    _figures = Published(_parameters, _macs, _top1, _PAPER, with_batch_norm=True)
    register_model(_make_entry(_width, f"etinynet-{_width}", _figures))
