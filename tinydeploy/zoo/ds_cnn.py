"""DS-CNN: depthwise-separable convolutions on spectrograms, the keyword spotter of MLPerf Tiny.

Source: Zhang, Suda, Lai, Chandra: Hello Edge: Keyword Spotting on Microcontrollers (2017), its
small variant as in Banbury et al.: MLPerf Tiny Benchmark (2021): convolutions with bias, 49 frames
of 10 MFCC in.

    stem   10x4, 64 channels, stride 2 -> BN -> ReLU
    4 x    depthwise 3x3 -> BN -> ReLU -> pointwise 64 -> BN -> ReLU
    head   global average, fully connected

Its published 24,908 parameters count BN's running statistics.
"""

from __future__ import annotations

from torch import Tensor, nn

from tinydeploy.zoo.layers import check_arguments
from tinydeploy.zoo.registry import ModelEntry, Published, register_model

INPUT_SHAPE = (1, 1, 49, 10)
CLASSES = 12
_CHANNELS = 64
_BLOCKS = 4


class DsCnn(nn.Module):
    """The classifier; logits come out, where the benchmark's files end in a softmax.

    Args:
        width: Factor of the channels, rounded down.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 2 as published; 1 for small inputs.
    """

    def __init__(
        self,
        width: float = 1.0,
        *,
        classes: int = CLASSES,
        in_channels: int = 1,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments("DS-CNN", width, classes, in_channels, stem_stride)
        channels = max(1, int(_CHANNELS * width))
        # 10x4 kernels have no middle: one more row and column of zeros behind, as TFLite's SAME.
        layers: list[nn.Module] = [
            nn.ZeroPad2d((1, 1, 4, 5) if stem_stride == 2 else (1, 2, 4, 5)),
            *_normalized(nn.Conv2d(in_channels, channels, (10, 4), stem_stride)),
        ]
        for _ in range(_BLOCKS):
            layers += [
                *_normalized(nn.Conv2d(channels, channels, 3, padding=1, groups=channels)),
                *_normalized(nn.Conv2d(channels, channels, 1)),
            ]
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return logits


def _normalized(conv: nn.Conv2d) -> tuple[nn.Module, ...]:
    return conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU()


register_model(
    ModelEntry(
        name="ds_cnn",
        title="DS-CNN of MLPerf Tiny, for keywords as 49 frames of 10 MFCC",
        published=Published(
            24_908,
            2.7e6,
            None,
            "MLPerf Tiny's reference; keyword top-1 90 % required",
            with_batch_norm=True,
        ),
        input_shape=INPUT_SHAPE,
        classes=CLASSES,
        preprocessing=None,
        build=DsCnn,
    )
)
