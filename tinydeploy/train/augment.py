"""Random augmentation of batches: weak (shift, mirror) and strong (RandAugment, CutOut).

Each picture of a batch draws its own operations; geometric ones become one resampling. Pixels are
float32 [n, C, H, W] from 0 to 1, before normalization.

Sources: Cubuk, Zoph, Shlens, Le: RandAugment (2019); DeVries, Taylor: CutOut (2017); the list of
operations is that of Sohn et al.: FixMatch (NeurIPS 2020), table 12, on batches of tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by
from torch import Tensor

from tinydeploy.train.histogram import equalize, stretch_contrast

Augment = Callable[[Tensor], Tensor]
Border = Literal["zeros", "reflection"]

_SHIFT = 1 / 8  # of the side, either way
_MOST_DEGREES, _MOST_SHEAR, _MOST_LOG_SCALE, _MOST_MOVE = 30.0, 0.4, 0.3, 0.3
_MOST_LOG_FACTOR = 0.5  # of contrast, brightness, colour, gamma
_LEAST = 1e-4  # gamma's slope is infinite at 0


def _keep(x: Tensor) -> Tensor:
    return x


@dataclass(frozen=True)
class Shift:
    """Each picture moved by up to an eighth of its side and, where wanted, mirrored by chance.

    Args:
        mirror: Mirror half of them, left to right.
        border: What is moved in: black, or the reflected picture.
    """

    mirror: bool
    border: Border

    def __call__(self, x: Tensor) -> Tensor:
        """[n, C, H, W] -> the same."""
        matrix = torch.eye(2).repeat(len(x), 1, 1)
        if self.mirror:
            matrix[:, 0, 0] = 1 - 2 * (torch.rand(len(x)) < 0.5).float()
        return _resample(x, matrix, _draw_shift(len(x)), self.border)


@dataclass(frozen=True)
class RandAugment:
    """Each picture gets `count` operations of random strength, a shift, and CutOut.

    Args:
        operations: Names to draw from: of GEOMETRY and COLOR, or "identity".
        count: So many different ones per picture.
        mirror: Mirror half of the pictures before.
        border: What is moved in: black, or the reflected picture.
        cutout: Largest side of the square that is cut out, as a part of the picture's; what is cut
            out becomes the batch's mean.
    """

    operations: tuple[str, ...]
    count: int
    mirror: bool
    border: Border
    cutout: float

    def __call__(self, x: Tensor) -> Tensor:
        """[n, C, H, W] -> the same."""
        n = len(x)
        mean = x.mean()
        chosen = torch.rand(n, len(self.operations)).argsort(1) < self.count
        strength = 2 * torch.rand(n, len(self.operations)) - 1
        matrix, shift = torch.eye(2).repeat(n, 1, 1), _draw_shift(n)
        if self.mirror:
            matrix[:, 0, 0] = 1 - 2 * (torch.rand(n) < 0.5).float()
        for index, name in enumerate(self.operations):
            if name in GEOMETRY:
                amount = strength[:, index] * chosen[:, index]
                change, move = GEOMETRY[name](amount)
                matrix = matrix @ change
                shift = shift + move
        x = _resample(x, matrix, shift, self.border)
        for index, name in enumerate(self.operations):
            rows = chosen[:, index].nonzero().flatten()
            if name in COLOR and len(rows):
                amount = strength[rows, index].view(-1, 1, 1, 1)
                x = x.index_copy(0, rows, COLOR[name](x[rows], amount).clamp(0, 1))
        return cut_out(x, self.cutout, mean)


def cut_out(x: Tensor, part: float, fill: Tensor) -> Tensor:
    """A square of each picture set to `fill`; sides from 0 to `part` of the height, by chance."""
    n, _, height, width = x.shape
    side = torch.randint(0, int(part * height) + 1, (n,))
    top, left = torch.randint(0, height, (n,)), torch.randint(0, width, (n,))

    def inside(count: int, begin: Tensor) -> Tensor:
        place = torch.arange(count)[None]
        return (place >= begin[:, None]) & (place < (begin + side)[:, None])

    mask = inside(height, top)[:, None, :, None] & inside(width, left)[:, None, None, :]
    return torch.where(mask, fill, x)


def _draw_shift(count: int) -> Tensor:
    """Moves in the coordinates of `affine_grid`, where a side is 2 long; [count, 2]."""
    return (2 * torch.rand(count, 2) - 1) * (2 * _SHIFT)


def _resample(x: Tensor, matrix: Tensor, shift: Tensor, border: Border) -> Tensor:
    theta = torch.cat([matrix, shift.unsqueeze(2)], 2)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode=border, align_corners=False)


def _stack(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    matrix = torch.stack([torch.stack([a, b], 1), torch.stack([c, d], 1)], 1)
    return matrix, torch.zeros(len(a), 2)


def _rotate(s: Tensor) -> tuple[Tensor, Tensor]:
    angle = s * math.radians(_MOST_DEGREES)
    return _stack(angle.cos(), -angle.sin(), angle.sin(), angle.cos())


def _scale(s: Tensor) -> Tensor:
    return torch.exp(s * _MOST_LOG_SCALE)


def _move(s: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    shift = torch.zeros(len(s), 2)
    shift[:, axis] = 2 * _MOST_MOVE * s
    return torch.eye(2).repeat(len(s), 1, 1), shift


def _one(s: Tensor) -> Tensor:
    return torch.ones_like(s)


def _none(s: Tensor) -> Tensor:
    return torch.zeros_like(s)


# By name: matrix [n, 2, 2] and move [n, 2] for strengths [n] from -1 to 1; 0 changes nothing.
GEOMETRY: Mapping[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "rotate": _rotate,
    "shear_x": lambda s: _stack(_one(s), _MOST_SHEAR * s, _none(s), _one(s)),
    "shear_y": lambda s: _stack(_one(s), _none(s), _MOST_SHEAR * s, _one(s)),
    "scale_x": lambda s: _stack(_scale(s), _none(s), _none(s), _one(s)),
    "scale_y": lambda s: _stack(_one(s), _none(s), _none(s), _scale(s)),
    "translate_x": lambda s: _move(s, 0),
    "translate_y": lambda s: _move(s, 1),
}


def _factor(s: Tensor) -> Tensor:
    return torch.exp(_MOST_LOG_FACTOR * s)


def _saturate(x: Tensor, s: Tensor) -> Tensor:
    gray = x.mean(1, keepdim=True)
    return gray + (x - gray) * _factor(s)


def _sharpen(x: Tensor, s: Tensor) -> Tensor:
    smooth = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return x + s * (x - smooth)


def _posterize(x: Tensor, s: Tensor) -> Tensor:
    levels = torch.round(4 + 4 * s.abs()) ** 2  # 16 to 64
    return torch.floor(x * levels).clamp(max=levels - 1) / (levels - 1)


# By name: pictures [n, C, H, W] and strengths [n, 1, 1, 1] from -1 to 1 give pictures.
COLOR: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "contrast": lambda x, s: x * _factor(s),
    "brightness": lambda x, s: x + 0.4 * s,
    "gamma": lambda x, s: x.clamp(_LEAST, 1).pow(_factor(s)),
    "color": _saturate,
    "sharpness": _sharpen,
    "posterize": _posterize,
    "solarize": lambda x, s: torch.where(x < 1 - 0.5 * s.abs(), x, 1 - x),
    "autocontrast": lambda x, s: stretch_contrast(x),
    "equalize": lambda x, s: equalize(x),
}

_ALL = ("identity", *(name for name in GEOMETRY if not name.startswith("scale")), *COLOR)
_AFFINE = ("rotate", "shear_x", "shear_y", "scale_x", "scale_y", "gamma", "contrast")

# Names of the command line.
WEAK: Mapping[str, Augment] = {
    "none": _keep,
    "shift": Shift(mirror=False, border="zeros"),
    "flip-shift": Shift(mirror=True, border="reflection"),
}
STRONG: Mapping[str, Augment] = {
    "none": _keep,
    "affine": RandAugment(_AFFINE, 2, mirror=False, border="zeros", cutout=0.375),
    "randaugment": RandAugment(_ALL, 2, mirror=True, border="reflection", cutout=0.5),
}
