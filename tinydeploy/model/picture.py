"""From a picture file to a network's input: read, fit to size, crop at random, normalize."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tinydeploy.errors import InputFileError
from tinydeploy.model.float_model import Preprocessing

# Area and aspect of random crops, the latter relative to the input's own.
_CROP_AREA = (0.15, 1.0)
_CROP_ASPECT = (3 / 4, 4 / 3)
_CROP_ATTEMPTS = 20
_ADVICE = "Give a JPEG, PNG or similar file."


def read_picture(path: Path, preprocessing: Preprocessing) -> Image.Image:
    """A picture file as 8-bit RGB, or gray where the network wants that.

    Raises:
        InputFileError: The file is missing, damaged, or no picture.
    """
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        raise InputFileError(f"{path} is not a readable picture: no file", _ADVICE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata does not matter here
            with Image.open(path) as file:
                image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I"):  # 16 bits per pixel; convert() would cut them off
                deep = np.clip(np.asarray(image, np.int64), 0, 65535)
                image = Image.fromarray((deep >> 8).astype(np.uint8))
            return image.convert("L" if preprocessing.color == "gray" else "RGB")
    except Exception as error:  # a damaged file makes a decoder raise nearly anything
        reason = error.strerror if isinstance(error, OSError) else None
        reason = reason or (str(error) or type(error).__name__).splitlines()[0]
        raise InputFileError(f"{path} is not a readable picture: {reason}", _ADVICE) from error


def fit_picture(
    image: Image.Image, preprocessing: Preprocessing, height: int, width: int
) -> NDArray[np.uint8]:
    """A picture brought to the network's input size by the network's own rule.

    Returns:
        uint8 [height, width, C], the channels in the network's order.
    """
    size, (left, top) = _fitted_size(image, preprocessing, height, width)
    fitted = image.resize(size, Image.Resampling.BILINEAR)
    return _to_array(fitted.crop((left, top, left + width, top + height)), preprocessing)


def unfit_boxes(
    boxes: NDArray[np.floating],
    image: Image.Image,
    preprocessing: Preprocessing,
    height: int,
    width: int,
) -> NDArray[np.float64]:
    """Boxes in pixels of the input that `fit_picture` makes, as boxes in the picture itself.

    Args:
        boxes: [n, 4] of (x0, y0, x1, y1).
        image: The picture.
        preprocessing: As of `fit_picture`.
        height: Likewise.
        width: Likewise.
    """
    size, corner = _fitted_size(image, preprocessing, height, width)
    scale = np.array(image.size) / np.array(size)
    return np.asarray((boxes.reshape(-1, 2, 2) + corner) * scale, np.float64).reshape(-1, 4)


def _fitted_size(
    image: Image.Image, preprocessing: Preprocessing, height: int, width: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """What a picture is resized to, (width, height), and where in it the input's corner lies."""
    if preprocessing.fit == "stretch":
        return (width, height), (0, 0)
    scale = max(
        math.ceil(height / preprocessing.crop_fraction) / image.height,
        math.ceil(width / preprocessing.crop_fraction) / image.width,
    )
    size = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
    return size, ((size[0] - width) // 2, (size[1] - height) // 2)


def crop_picture(
    image: Image.Image,
    preprocessing: Preprocessing,
    height: int,
    width: int,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """A random part of a picture: 15 to 100 % of its area, mirrored half of the time.

    Returns:
        uint8 [height, width, C], the channels in the network's order.
    """
    for _ in range(_CROP_ATTEMPTS):
        area = image.height * image.width * rng.uniform(*_CROP_AREA)
        aspect = np.exp(rng.uniform(*np.log(_CROP_ASPECT))) * width / height
        w, h = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if 0 < w <= image.width and 0 < h <= image.height:
            break
    else:
        w = h = min(image.height, image.width)
    left = int(rng.integers(0, image.width - w + 1))
    top = int(rng.integers(0, image.height - h + 1))
    part = image.crop((left, top, left + w, top + h))
    pixels = _to_array(part.resize((width, height), Image.Resampling.BILINEAR), preprocessing)
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def read_input(
    path: Path, preprocessing: Preprocessing, input_shape: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    """The network's input [1, C, H, W] for a picture file.

    Raises:
        InputFileError: See `read_picture`.
    """
    image = read_picture(path, preprocessing)
    pixels = fit_picture(image, preprocessing, input_shape[2], input_shape[3])
    return preprocessing.normalize(pixels)[None]


def _to_array(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    pixels = np.asarray(image, np.uint8)
    if preprocessing.color == "gray":
        return pixels[..., None]
    return pixels[..., ::-1] if preprocessing.color == "bgr" else pixels
