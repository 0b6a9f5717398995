"""ResNet-8 of MLPerf Tiny's image classification: three residual stacks on 32x32 pictures.

Source: Banbury et al.: MLPerf Tiny Benchmark (2021), and the benchmark's reference training code:
convolutions with bias, BN behind each but the shortcuts', pixels 0 to 255 without normalization.

    stem   3x3, 16 channels
    stack  3x3/s -> BN -> ReLU -> 3x3 -> BN, + input or its 1x1/s -> ReLU
           16, stride 1 | 32, stride 2 | 64, stride 2
    head   global average, fully connected

Its published 78,666 parameters count BN's running statistics.
"""

from __future__ import annotations

from torch import Tensor, nn

from tinydeploy.model.float_model import Preprocessing
from tinydeploy.zoo.layers import check_arguments
from tinydeploy.zoo.registry import ModelEntry, Published, register_model

INPUT_SHAPE = (1, 3, 32, 32)
CLASSES = 10
_STACKS = ((16, 1), (32, 2), (64, 2))


class Stack(nn.Module):
    """Two convolutions beside a shortcut.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        stride: Of the first convolution; where it is not 1 the shortcut is a convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolve(in_channels, out_channels, stride),
            nn.ReLU(),
            *_convolve(out_channels, out_channels, 1),
        )
        self.shortcut = (
            nn.Identity() if stride == 1 else nn.Conv2d(in_channels, out_channels, 1, stride)
        )
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out_channels, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.activation(self.shortcut(x) + self.body(x))
        return y


class ResNet8(nn.Module):
    """The classifier; logits come out, where the benchmark's files end in a softmax.

    Args:
        width: Factor of every channel count, rounded down.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 as published; 2 for larger pictures.
    """

    def __init__(
        self,
        width: float = 1.0,
        *,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        check_arguments("ResNet-8", width, classes, in_channels, stem_stride)
        channels = max(1, int(_STACKS[0][0] * width))
        self.stem = nn.Sequential(*_convolve(in_channels, channels, stem_stride), nn.ReLU())
        stacks = []
        for wanted, stride in _STACKS:
            out = max(1, int(wanted * width))
            stacks.append(Stack(channels, out, stride))
            channels = out
        self.stacks = nn.Sequential(*stacks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.pool(self.stacks(self.stem(x))).flatten(1))
        return logits


def _convolve(in_channels: int, out_channels: int, stride: int) -> list[nn.Module]:
    conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
    return [conv, nn.BatchNorm2d(out_channels)]


register_model(
    ModelEntry(
        name="resnet_8",
        title="ResNet-8 of MLPerf Tiny, for CIFAR-10 pictures of 32x32",
        published=Published(
            78_666,
            12.5e6,
            None,
            "MLPerf Tiny's reference; CIFAR-10 top-1 85 % required",
            remark="78,666 parameters with BN's statistics, MACs without BN",
        ),
        input_shape=INPUT_SHAPE,
        classes=CLASSES,
        preprocessing=Preprocessing(mean=(0.0,) * 3, std=(1.0,) * 3, fit="stretch"),
        build=ResNet8,
    )
)
