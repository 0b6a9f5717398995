"""A plain convolutional network: three 3x3 convolutions, two pools, nothing else.

No paper's net: the smallest thing that has all that any classifier has, for comparisons.

    3x3 16 -> BN -> ReLU -> 3x3 32 -> BN -> ReLU -> max-pool 2x2 -> 3x3 64 -> BN -> ReLU
    -> global average -> fully connected
"""

from __future__ import annotations

from torch import Tensor, nn

from tinydeploy.model.float_model import Preprocessing
from tinydeploy.zoo.layers import check_arguments, conv_bn
from tinydeploy.zoo.registry import ModelEntry, register_model

INPUT_SHAPE = (1, 3, 32, 32)
CLASSES = 10


class PlainCnn(nn.Module):
    """The classifier; logits come out.

    Args:
        width: Factor of every channel count, rounded down.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1, or 2 for larger pictures.
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
        check_arguments("the plain CNN", width, classes, in_channels, stem_stride)
        first, second, third = (max(1, int(channels * width)) for channels in (16, 32, 64))
        self.features = nn.Sequential(
            conv_bn(in_channels, first, stride=stem_stride),
            conv_bn(first, second),
            nn.MaxPool2d(2),
            conv_bn(second, third),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(third, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        logits: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return logits


register_model(
    ModelEntry(
        name="plain_cnn",
        title="A plain CNN, for pictures of 32x32",
        published=None,
        input_shape=INPUT_SHAPE,
        classes=CLASSES,
        preprocessing=Preprocessing(mean=(128.0,) * 3, std=(128.0,) * 3, fit="stretch"),
        build=PlainCnn,
    )
)
