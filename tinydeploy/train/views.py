"""The ten test-time views of Data Distillation: what a picture may look like and still be itself.

They are those of compact-distillation (Inés et al., MIT), with what was wrong there put right: the
horizontal flip mirrors left to right and the vertical one top to bottom (they were swapped); gamma
is 0.7 (1.0 changed nothing); equalization works on the luminance (it raised on colour pictures);
the 2-D filter sharpens (a mean filter was there twice).

Pixels are float32 [n, C, H, W] from 0 to 1. Filters are 5x5, and 3x3 for sides under 64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by
from torch import Tensor

from tinydeploy.errors import UsageError
from tinydeploy.train.histogram import equalize

_GAMMA = 0.7
_LARGE = 64
_BILATERAL_DIAMETER = 9
_BILATERAL_COLOR = 75 / 255
_BILATERAL_SPACE = 75.0


def choose_views(names: Sequence[str]) -> tuple[Callable[[Tensor], Tensor], ...]:
    """The views of these names, for people too: "H Flip" is "h_flip".

    Raises:
        UsageError: There is no such view.
    """
    views = []
    for name in names:
        key = _ALIASES.get(name, name)
        if key not in VIEWS:
            raise UsageError(f"'{name}' is no view", f"Views are: {', '.join(VIEWS)}.")
        views.append(VIEWS[key])
    return tuple(views)


def _patches(x: Tensor, side: int) -> Tensor:
    """The neighbourhood of each pixel, borders reflected: [n, C, side * side, H, W]."""
    n, channels, height, width = x.shape
    reach = side // 2
    padded = F.pad(x, (reach,) * 4, mode="replicate")
    return F.unfold(padded, side).view(n, channels, side * side, height, width)


def _filter(x: Tensor, kernel: Tensor) -> Tensor:
    """Each channel filtered with a kernel [k, k]."""
    weights = kernel.to(x)[None, None].repeat(x.shape[1], 1, 1, 1)
    reach = kernel.shape[0] // 2
    return F.conv2d(F.pad(x, (reach,) * 4, mode="replicate"), weights, groups=x.shape[1])


def _side(x: Tensor) -> int:
    return 5 if min(x.shape[2:]) >= _LARGE else 3


def _blur(x: Tensor) -> Tensor:
    side = _side(x)
    return _filter(x, torch.full((side, side), 1 / side**2))


def _gaussian_blur(x: Tensor) -> Tensor:
    """OpenCV's standard deviation for the size: 1.1 for 5, 0.8 for 3."""
    side = _side(x)
    sigma = 0.3 * ((side - 1) * 0.5 - 1) + 0.8
    place = torch.arange(side) - side // 2
    line = torch.exp(-(place**2) / (2 * sigma**2))
    line = line / line.sum()
    return _filter(x, line[:, None] * line[None])


def _median_blur(x: Tensor) -> Tensor:
    return _patches(x, _side(x)).median(2).values


def _bilateral(x: Tensor) -> Tensor:
    """Weights fall with the distance and with the difference of colour (Tomasi, Manduchi 1998)."""
    side = _BILATERAL_DIAMETER if min(x.shape[2:]) >= _LARGE else 5
    patches = _patches(x, side)
    far = (torch.arange(side) - side // 2).to(x) ** 2
    space = -(far[:, None] + far[None]).flatten() / (2 * _BILATERAL_SPACE**2)
    color = (patches - x.unsqueeze(2)).abs().sum(1, keepdim=True) ** 2
    weights = torch.exp(space.view(1, 1, -1, 1, 1) - color / (2 * _BILATERAL_COLOR**2))
    return (patches * weights).sum(2) / weights.sum(2)


def _sharpen(x: Tensor) -> Tensor:
    return _filter(x, torch.tensor([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]])).clamp(0, 1)


def _gamma(x: Tensor) -> Tensor:
    return x.pow(_GAMMA)


VIEWS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "h_flip": lambda x: x.flip(3),
    "v_flip": lambda x: x.flip(2),
    "hv_flip": lambda x: x.flip(2, 3),
    "blur": _blur,
    "gamma": _gamma,
    "gaussian_blur": _gaussian_blur,
    "median_blur": _median_blur,
    "bilateral": _bilateral,
    "equalize": equalize,
    "sharpen": _sharpen,
}
_ALIASES = {
    "H Flip": "h_flip",
    "V Flip": "v_flip",
    "H+V Flip": "hv_flip",
    "Blurring": "blur",
    "Gamma": "gamma",
    "Gaussian Blur": "gaussian_blur",
    "Median Blur": "median_blur",
    "Bilateral Filter": "bilateral",
    "Equalize histogram": "equalize",
    "2D-Filter": "sharpen",
}
