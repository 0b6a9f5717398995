"""Scenes made of scikit-learn's digits: one to four of them on noise, their boxes known.

The digits are 8x8 pixels; here they are squares of 16 to 40, scaled bilinearly, some brighter, some
darker, on gray ground with noise. Squares overlap by two pixels at most. Digits of the training
part make scenes for training, those of the test part the scenes for testing.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tinydeploy.detection.objects import Objects
from tinydeploy.zoo.etinynet_ssd import SCENES

SIDE = 96
LABELS = tuple("0123456789")
_SIDES = (16, 40)  # of a digit
_MOST = 4
_ATTEMPTS = 20
_OVERLAP = 2
_GROUND = 0.3
_NOISE = 0.15
_INK = (0.6, 1.0)


class DigitScenes:
    """Makes scenes of the digits of one part.

    Args:
        part: "train" or "test"; the parts share no digit.
        seed: The same part and seed give the same scenes.
    """

    def __init__(self, part: str, seed: int | np.random.Generator) -> None:
        self._digits, self._classes = _load_parts()[part]
        self._rng = np.random.default_rng(seed)

    def draw(self, count: int) -> tuple[NDArray[np.float32], tuple[Objects, ...]]:
        """The next scenes as inputs, float32 [count, 1, 96, 96], and what they show."""
        drawn = [self._draw_scene() for _ in range(count)]
        pixels = np.stack([scene for scene, _ in drawn])
        return SCENES.normalize(pixels[..., None]), tuple(objects for _, objects in drawn)

    def _draw_scene(self) -> tuple[NDArray[np.uint8], Objects]:
        rng = self._rng
        noise = rng.standard_normal((SIDE, SIDE)) * _NOISE * rng.random() ** 0.5
        scene = rng.random() * _GROUND + noise
        boxes: list[tuple[int, int, int, int]] = []
        classes: list[int] = []
        for _ in range(rng.integers(1, _MOST + 1)):
            box = self._find_place(boxes)
            if box is None:
                continue
            index = rng.integers(len(self._digits))
            x0, y0, x1, y1 = box
            enlarge = _make_enlarger(x1 - x0)
            ink = enlarge @ self._digits[index] @ enlarge.T
            ground = scene[y0:y1, x0:x1]
            ground += ink * (rng.uniform(*_INK) - ground)
            boxes.append(box)
            classes.append(int(self._classes[index]))
        pixels = np.rint(scene.clip(0, 1) * 255).astype(np.uint8)
        found = Objects(
            np.array(boxes, np.float64), np.array(classes, np.int64), np.zeros(len(boxes), bool)
        )
        return pixels, found

    def _find_place(
        self, taken: list[tuple[int, int, int, int]]
    ) -> tuple[int, int, int, int] | None:
        for _ in range(_ATTEMPTS):
            side = int(self._rng.integers(_SIDES[0], _SIDES[1] + 1))
            x0, y0 = (int(place) for place in self._rng.integers(0, SIDE - side + 1, 2))
            x1, y1 = x0 + side, y0 + side
            if all(
                min(x1, right) - max(x0, left) <= _OVERLAP
                or min(y1, low) - max(y0, high) <= _OVERLAP
                for left, high, right, low in taken
            ):
                return x0, y0, x1, y1
        return None


@cache
def _load_parts() -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Digits [n, 8, 8], 0 to 1, and their classes, by part: the split of the classifier."""
    pictures, classes = load_digits(return_X_y=True)
    train, test, train_classes, test_classes = train_test_split(
        pictures.reshape(-1, 8, 8) / 16, classes, test_size=0.25, stratify=classes, random_state=0
    )
    return {"train": (train, train_classes), "test": (test, test_classes)}


@cache
def _make_enlarger(side: int) -> NDArray[np.float64]:
    """The matrix [side, 8] that scales eight pixels bilinearly to more of them."""
    places = np.clip((np.arange(side) + 0.5) * 8 / side - 0.5, 0, 7)
    weights: NDArray[np.float64] = 1 - np.abs(places[:, None] - np.arange(8))
    return weights.clip(0, 1)
