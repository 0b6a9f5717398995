"""TFLite's padding SAME in numbers."""

from __future__ import annotations

from tinydeploy.quantize.network import Conv, Pair, Pool, Shape


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """Padding before and behind one axis by TFLite's rule SAME: the least, more of it behind."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def is_same_padding(layer: Conv | Pool, input_shape: Shape) -> bool:
    """Whether a layer's padding is TFLite's SAME for an input of this shape."""
    dilation = layer.dilation if isinstance(layer, Conv) else (1, 1)
    vertical, horizontal = (
        same_padding(input_shape[1 + i], layer.kernel[i], layer.stride[i], dilation[i])
        for i in (0, 1)
    )
    top, left, bottom, right = layer.padding
    return (top, bottom) == vertical and (left, right) == horizontal
