"""The scenes: boxes are where the digits are, equal seeds give equal scenes."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.train.detection.digit_scenes import SIDE, DigitScenes
from tinydeploy.zoo.etinynet_ssd import SCENES


def test_boxes_hold_the_digits() -> None:
    inputs, scenes = DigitScenes("train", 3).draw(60)
    assert inputs.shape == (60, 1, SIDE, SIDE)
    pixels = inputs * SCENES.std[0] + SCENES.mean[0]
    assert np.rint(pixels) == pytest.approx(pixels, abs=1e-4)  # whole pixels, as a camera gives
    brighter = []
    for picture, scene in zip(pixels[:, 0], scenes, strict=True):
        assert 1 <= len(scene.boxes) <= 4
        assert not scene.ignored.any()
        outside = np.ones((SIDE, SIDE), bool)
        for x0, y0, x1, y1 in scene.boxes.astype(int):
            assert 16 <= x1 - x0 == y1 - y0 <= 40
            assert min(x0, y0) >= 0
            assert max(x1, y1) <= SIDE
            outside[y0:y1, x0:x1] = False
        for x0, y0, x1, y1 in scene.boxes.astype(int):
            brighter.append(picture[y0:y1, x0:x1].mean() - picture[outside].mean())
    assert np.mean(brighter) > 40
    assert min(brighter) > 0


def test_seeds_and_parts() -> None:
    def draw(part: str, seed: int) -> np.ndarray:
        return DigitScenes(part, seed).draw(2)[0]

    assert np.array_equal(draw("train", 0), draw("train", 0))
    assert not np.array_equal(draw("train", 0), draw("train", 1))
    assert not np.array_equal(draw("train", 0), draw("test", 0))


def test_one_after_the_other_is_all_at_once() -> None:
    scenes = DigitScenes("test", 5)
    parts = [scenes.draw(1)[0] for _ in range(3)]
    assert np.array_equal(np.concatenate(parts), DigitScenes("test", 5).draw(3)[0])


def test_all_classes_occur() -> None:
    _, scenes = DigitScenes("train", 0).draw(40)
    assert set(np.concatenate([scene.classes for scene in scenes])) == set(range(10))
