"""The preprocessing of pictures from what the user says of it, for nets that do not tell."""

from __future__ import annotations

from tinydeploy.errors import UsageError
from tinydeploy.model.float_model import Color, Preprocessing

_DEFAULT_MEAN, _DEFAULT_STD = (0.0,), (255.0,)
_MAX_PIXEL = 1e6  # means and stds of no pixels are beyond, nor stds below its inverse
_LEAST_LIKELY_STD = 1.0


def choose_preprocessing(
    channels: int, mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> tuple[Preprocessing, str]:
    """The preprocessing of pictures, which an .onnx file does not tell, and a note that says it.

    Pictures are scaled to the input's size, then (pixel - mean) / std. By default that is
    pixel / 255.

    Args:
        channels: 1 for gray, 3 for RGB.
        mean: One number, or one per channel, in units of the pixel, 0 to 255.
        std: Likewise.

    Raises:
        UsageError: Numbers that make no sense.
    """
    means = _spread("--mean", _DEFAULT_MEAN if mean is None else mean, channels)
    stds = _spread("--std", _DEFAULT_STD if std is None else std, channels)
    if min(stds) < 1 / _MAX_PIXEL or max(map(abs, (*means, *stds))) > _MAX_PIXEL:
        raise UsageError(
            f"a mean of {_list(means)} with a std of {_list(stds)} normalizes no pixels",
            "Both are in units of the pixel, 0 to 255, and a std is greater than 0.",
        )
    note = f"pictures are scaled to the input, then (pixel - {_list(means)}) / {_list(stds)}"
    if mean is None and std is None:
        note += ", a default: the file does not tell; --mean and --std do"
    elif max(stds) < _LEAST_LIKELY_STD:
        note += "; --mean and --std of pixels from 0 to 1 are to be multiplied by 255"
    color: Color = "gray" if channels == 1 else "rgb"
    return Preprocessing(means, stds, color, "stretch"), note


def _spread(option: str, numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(numbers) not in (1, channels):
        raise UsageError(
            f"{option} has {len(numbers)} numbers, the network {channels} "
            f"channel{'s' if channels > 1 else ''}",
            "Give one number, or one per channel with commas between.",
        )
    return numbers if len(numbers) == channels else numbers * channels


def _list(numbers: tuple[float, ...]) -> str:
    """One number where all are equal, else all in brackets."""
    shown = [f"{number:g}" for number in numbers]
    return shown[0] if len(set(shown)) == 1 else f"[{', '.join(shown)}]"
