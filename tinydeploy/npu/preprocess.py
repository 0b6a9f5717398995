"""From a camera's picture to a net's input: the reference of firmware/npu/npu_image.c, bit for bit.

A part of the picture is cut out, resized bilinearly with half-pixel centres in 1/256 pixels, and
mapped to int8 by a table. Integers only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.graph import Graph

MOST_PIXELS = 1024  # of a side, of picture and input: what the C code's integers hold
_LARGE = 128  # of a side: a camera is asked for the size itself
_MARGIN = 8  # columns that a camera has more than the part that is cut out
_LUMINANCE = (77, 150, 29)


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """What is cut out of a picture, and what becomes of it.

    Args:
        camera: Height and width of the picture.
        crop: Top, left, height and width of the part.
        size: Height, width and channels of the net's input.
        table: int8 [channels, 256]: the net's values.
    """

    camera: tuple[int, int]
    crop: tuple[int, int, int, int]
    size: tuple[int, int, int]
    table: NDArray[np.int8]

    @property
    def camera_bytes(self) -> int:
        """Bytes of a picture: RGB565."""
        return 2 * self.camera[0] * self.camera[1]


def plan_preprocessing(graph: Graph) -> Preprocessing:
    """A picture of twice the input's size, or of its size where that is large already.

    Args:
        graph: Its first input is an image; what its file says of pixels is kept to.

    Raises:
        UnsupportedModelError: The input is no image of 1 or 3 channels.
    """
    tensor = graph.tensors[graph.inputs[0]]
    if (
        len(tensor.shape) != 4
        or tensor.shape[3] not in (1, 3)
        or max(tensor.shape) + _MARGIN > MOST_PIXELS
    ):
        raise UnsupportedModelError(
            f"{graph.name} takes {list(tensor.shape)}, no image of 1 or 3 channels for a camera",
            "Build it without --accelerator.",
        )
    _, h, w, channels = tensor.shape
    factor = 1 if max(h, w) >= _LARGE else 2
    camera = (factor * h, factor * w + _MARGIN)
    crop = (0, _MARGIN // 2, factor * h, factor * w)  # the middle
    return Preprocessing(camera, crop, (h, w, channels), _make_table(graph, channels))


def prepare_image(settings: Preprocessing, camera: NDArray[np.uint16]) -> NDArray[np.int8]:
    """The net's input.

    Args:
        settings: What to do.
        camera: uint16 [height, width], RGB565.

    Returns:
        int8 [h, w, channels].
    """
    top, left, part_h, part_w = settings.crop
    h, w, channels = settings.size
    cut = camera[top : top + part_h, left : left + part_w]
    part: NDArray[np.int64] = unpack_rgb565(cut).astype(np.int64)
    first_y, second_y, share_y = _places(h, part_h)
    first_x, second_x, share_x = _places(w, part_w)
    right, lower = share_x[None, :, None], share_y[:, None, None]
    above = part[first_y][:, first_x] * (256 - right) + part[first_y][:, second_x] * right
    below = part[second_y][:, first_x] * (256 - right) + part[second_y][:, second_x] * right
    total = above * (256 - lower) + below * lower + 32768
    color = (total // 65536).astype(np.int64)
    if channels == 1:
        red, green, blue = (color[:, :, k : k + 1] for k in range(3))
        color = (_LUMINANCE[0] * red + _LUMINANCE[1] * green + _LUMINANCE[2] * blue + 128) >> 8
    found = np.stack([settings.table[k][color[:, :, k]] for k in range(channels)], axis=2)
    return found.astype(np.int8)


def unpack_rgb565(packed: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Red, green, blue of 0 to 255, in a last axis of 3."""
    values = packed.astype(np.int64)
    red, green, blue = values >> 11, values >> 5 & 63, values & 31
    color = (red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2)
    return np.stack(color, axis=-1).astype(np.uint8)


def pack_rgb565(color: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The nearest RGB565 of red, green and blue of 0 to 255, in a last axis of 3."""
    levels = [
        np.rint(color[..., k] / 255 * most).astype(np.uint16) for k, most in enumerate((31, 63, 31))
    ]
    return (levels[0] << 11 | levels[1] << 5 | levels[2]).astype(np.uint16)


def _places(
    count: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each output pixel the two that it lies between, and 256 times the second's share."""
    at = np.arange(count, dtype=np.int64)
    held = np.clip((2 * at + 1) * size * 128 // count - 128, 0, (size - 1) * 256)
    first = held >> 8
    return first, np.minimum(first + 1, size - 1), held & 255


def _make_table(graph: Graph, channels: int) -> NDArray[np.int8]:
    """int8 of 0 to 255, by what the file says of pixels; without that, they span the int8 range."""
    quantization = graph.tensors[graph.inputs[0]].quantization
    pixels = np.arange(256, dtype=np.float64)
    if graph.normalization is None or quantization is None:
        return np.tile((pixels - 128).astype(np.int8), (channels, 1))
    if graph.normalization.color == "bgr":
        raise UnsupportedModelError(
            f"{graph.name} takes its colours as blue, green, red; the firmware's camera gives RGB",
            "Build it without --accelerator.",
        )
    rows = []
    for k in range(channels):
        mean = graph.normalization.mean[min(k, len(graph.normalization.mean) - 1)]
        std = graph.normalization.std[min(k, len(graph.normalization.std) - 1)]
        real = (pixels - mean) / std
        rows.append(
            np.clip(np.rint(real / quantization.scale) + quantization.zero_point, -128, 127).astype(
                np.int8
            )
        )
    return np.stack(rows)
