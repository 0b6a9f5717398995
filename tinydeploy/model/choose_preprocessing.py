"""The preprocessing of pictures from what the user says of it, for nets that do not tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinydeploy.errors import UsageError
from tinydeploy.model.float_model import Color, Preprocessing

_DEFAULT_MEAN, _DEFAULT_STD = (0.0,), (255.0,)
_MAX_PIXEL = 1e6  # means and stds of no pixels are beyond, nor stds below its inverse
_LEAST_LIKELY_STD = 1.0
_DEFAULT_FRACTION = 0.875

Resize = Literal["stretch", "crop"]


@dataclass(frozen=True)
class PictureOptions:
    """What the user says of the preprocessing; None: nothing.

    Args:
        mean: One number, or one per channel, in units of the pixel, 0 to 255.
        std: Likewise.
        color: Order of the channels.
        resize: "stretch": both sides to the input's size; "crop": the centre.
        crop_fraction: Part of the shorter side that a crop keeps.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    color: Color | None = None
    resize: Resize | None = None
    crop_fraction: float | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is said."""
        return self == PictureOptions()


def choose_preprocessing(channels: int, options: PictureOptions) -> tuple[Preprocessing, str]:
    """The preprocessing of pictures, and a note that says it.

    Pictures are scaled to the input's size, then (pixel - mean) / std. By default that is
    pixel / 255, of an RGB picture, or a gray one, stretched.

    Args:
        channels: 1 for gray, 3 for colour.
        options: What is not as by default.

    Raises:
        UsageError: Options that make no sense.
    """
    means = _spread("--mean", _DEFAULT_MEAN if options.mean is None else options.mean, channels)
    stds = _spread("--std", _DEFAULT_STD if options.std is None else options.std, channels)
    if min(stds) < 1 / _MAX_PIXEL or max(map(abs, (*means, *stds))) > _MAX_PIXEL:
        raise UsageError(
            f"a mean of {_list(means)} with a std of {_list(stds)} normalizes no pixels",
            "Both are in units of the pixel, 0 to 255, and a std is greater than 0.",
        )
    color: Color = options.color or ("gray" if channels == 1 else "rgb")
    if (color == "gray") != (channels == 1):
        raise UsageError(
            f"--color {color} does not fit an input of {_count(channels)}",
            "Gray pictures have one channel, rgb and bgr ones three.",
        )
    cropped = options.resize == "crop"
    if options.crop_fraction is not None and not cropped:
        raise UsageError(
            "a crop_fraction is given, and pictures are stretched", 'Add resize = "crop".'
        )
    preprocessing = Preprocessing(
        means,
        stds,
        color,
        "center-crop" if cropped else "stretch",
        options.crop_fraction or _DEFAULT_FRACTION,
    )
    fitted = "cropped" if cropped else "scaled"
    ordered = ", blue first," if color == "bgr" else ""
    formula = f"(pixel - {_list(means)}) / {_list(stds)}"
    note = f"pictures are {fitted} to the input,{ordered} then {formula}"
    if options.mean is None and options.std is None:
        note += ", a default: the file does not tell; --mean and --std do"
    elif max(stds) < _LEAST_LIKELY_STD:
        note += "; --mean and --std of pixels from 0 to 1 are to be multiplied by 255"
    return preprocessing, note


def _count(channels: int) -> str:
    return f"{channels} channel{'s' if channels > 1 else ''}"


def _spread(option: str, numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(numbers) not in (1, channels):
        raise UsageError(
            f"{option} has {len(numbers)} numbers, the network {_count(channels)}",
            "Give one number, or one per channel with commas between.",
        )
    return numbers if len(numbers) == channels else numbers * channels


def _list(numbers: tuple[float, ...]) -> str:
    """One number where all are equal, else all in brackets."""
    shown = [f"{number:g}" for number in numbers]
    return shown[0] if len(set(shown)) == 1 else f"[{', '.join(shown)}]"
