"""Faint digits on bright, uneven ground: like marks engraved in metal, some gray levels deep.

They are scikit-learn's, each warped, a few gray levels brighter than its ground, which may have any
brightness: what tells the digits apart is a fortieth of what the pixels hold. Training and test
pictures are made of different digits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor

from tinydeploy.train.data.training_data import Pictures, split_pictures

SIDE = 32
_TRAIN, _TEST = 20_000, 5_000
_INK = (3.0, 6.0)  # gray levels
_GROUND = (20.0, 225.0)
_SLOPE = 10.0  # gray levels from the middle to an edge
_NOISE = 0.3
_ZOOM, _LOG_SCALE, _ANGLE, _SHEAR, _SHIFT = 1.2, (-0.15, 0.25), 0.2, 0.2, 0.15


def write_faint_digits(path: Path) -> Path:
    """A .npz for `tinydeploy train`; the same each time."""
    values, classes = load_digits(return_X_y=True)
    train, test = split_pictures(Pictures(values.reshape(-1, 8, 8), classes), seed=0)
    x, y = _draw_pictures(train, _TRAIN, seed=1)
    x_valid, y_valid = _draw_pictures(test, _TEST, seed=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x=x, y=y, x_valid=x_valid, y_valid=y_valid)
    return path


def _draw_pictures(
    digits: Pictures, count: int, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """uint8 [count, SIDE, SIDE] of digits [n, 8, 8] of 0 to 16, and classes; they take turns."""
    random = torch.Generator().manual_seed(seed)

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=random)

    classes = np.arange(count) % 10
    rows = np.empty(count, np.int64)
    for kind in range(10):
        members = np.flatnonzero(digits.classes == kind)
        places = np.flatnonzero(classes == kind)
        chosen = torch.randint(len(members), (len(places),), generator=random)
        rows[places] = members[chosen.numpy()]
    shapes = torch.from_numpy(digits.pixels[rows]).float()[:, None] / 16

    angle, shear = draw(-_ANGLE, _ANGLE), draw(-_SHEAR, _SHEAR)
    scale = _ZOOM * torch.exp(draw(*_LOG_SCALE))
    first = torch.stack([angle.cos(), shear - angle.sin()], 1)
    second = torch.stack([angle.sin(), angle.cos()], 1)
    matrix = scale[:, None, None] * torch.stack([first, second], 1)
    place = torch.stack([draw(-_SHIFT, _SHIFT), draw(-_SHIFT, _SHIFT)], 1)[:, :, None]
    theta = torch.cat([matrix, -matrix @ place], 2)
    grid = F.affine_grid(theta, [count, 1, SIDE, SIDE], align_corners=False)
    shapes = F.grid_sample(shapes, grid, align_corners=False)[:, 0]

    line = torch.linspace(-1, 1, SIDE)
    ground, right, down, ink = (
        values.view(-1, 1, 1)
        for values in (draw(*_GROUND), draw(-_SLOPE, _SLOPE), draw(-_SLOPE, _SLOPE), draw(*_INK))
    )
    noise = _NOISE * torch.randn(count, SIDE, SIDE, generator=random)
    pixels = ground + right * line + down * line[:, None] + ink * shapes + noise
    return pixels.clamp(0, 255).round().to(torch.uint8).numpy(), classes
