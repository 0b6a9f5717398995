"""What several architectures are made of: widths, convolution with BN, squeeze-and-excite.

The parts are named as in torchvision's networks, so that state dicts of those fit where an
architecture says so.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from tinydeploy.errors import UsageError

Activation = Callable[[], nn.Module]


def check_arguments(
    net: str, width: float, classes: int, in_channels: int, stem_stride: int
) -> None:
    """Refuses what no network can be made with.

    Raises:
        UsageError: A width that is not positive, fewer than one class or input channel, or a stem
            with a stride other than 1 or 2.
    """
    if width <= 0 or classes < 1 or in_channels < 1 or stem_stride not in (1, 2):
        raise UsageError(
            f"{net} of width {width:g} with {classes} classes, {in_channels} input channels and "
            f"stride {stem_stride} in its stem is not possible",
            "Each of them must be positive; the stride is 2, or 1 for small pictures.",
        )


def make_divisible(value: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, but never more than 10 % below the value.

    The rule of the MobileNets for scaled widths.
    """
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest


def conv_bn(
    in_channels: int,
    out_channels: int,
    kernel: int = 3,
    stride: int = 1,
    *,
    groups: int = 1,
    activation: Activation | None = nn.ReLU,
    eps: float = 1e-5,
) -> nn.Sequential:
    """Convolution without bias -> BN -> activation; padded so that stride 1 keeps the size.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        kernel: Side of the kernel, odd.
        stride: Of the convolution.
        groups: Of the convolution; as many as channels make it depthwise.
        activation: Makes the activation; None for none.
        eps: Of the BN.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(
            in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
        ),
        nn.BatchNorm2d(out_channels, eps=eps),
    ]
    return nn.Sequential(*layers, *([] if activation is None else [activation()]))


def shuffle_channels(x: Tensor, groups: int = 2) -> Tensor:
    """[n, groups * k, h, w] with the channels in the order 0, k, 2k, ..., 1, k + 1, ..."""
    n, channels, height, width = x.shape
    x = x.view(n, groups, channels // groups, height, width)
    return x.transpose(1, 2).reshape(n, channels, height, width)


class SqueezeExcite(nn.Module):
    """Scales each channel by a number in [0, 1] that is computed from all channels' means.

    Source: Hu, Shen, Sun: Squeeze-and-Excitation Networks (CVPR 2018), here with the hard sigmoid
    of MobileNetV3.

    Args:
        channels: Channels in and out.
        squeezed: Channels between the two layers.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = nn.ReLU()
        self.scale_activation = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w], in and out."""
        squeezed = self.activation(self.fc1(self.avgpool(x)))
        scale: Tensor = self.scale_activation(self.fc2(squeezed))
        return scale * x
