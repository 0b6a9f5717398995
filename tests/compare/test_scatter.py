"""The scatter plot: no label meets another or a point, all in the picture."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinydeploy.compare.place import Placement
from tinydeploy.compare.scatter import draw_scatter, pick_points, place_labels
from tinydeploy.plan.picture.png import write_png
from tinydeploy.plan.picture.scene import CAPITAL, LETTER, Label
from tinydeploy.plan.picture.svg import write_svg


def make(net: str, height: int, latency: float, ram: int, top1: float | None) -> Placement:
    return Placement(net, height, height, height == 224, 10, 10, top1, 10, ram, ram, 10, latency)


def crowd(count: int) -> list[Placement]:
    rng = np.random.default_rng(3)
    return [
        make(
            f"some_net_{number}-{rng.random():.2f}",
            int(rng.choice([96, 224])),
            float(np.exp(rng.uniform(2, 6))),
            int(rng.integers(20_000, 500_000)),
            float(rng.uniform(50, 70)),
        )
        for number in range(count)
    ]


def box_of(label: Label) -> tuple[float, float, float, float]:
    width = LETTER * len(label.text)
    left = label.x - {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    return left, label.y - CAPITAL, width, CAPITAL


def meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )


@pytest.mark.parametrize("count", [1, 2, 30])
def test_no_label_meets_another(count: int) -> None:
    scene = draw_scatter("a board", crowd(count))
    boxes = [box_of(label) for label in scene.labels]
    assert not [pair for pair in itertools.combinations(boxes, 2) if meet(*pair)]
    for left, top, width, height in boxes:
        assert left >= 0
        assert left + width <= scene.width
        assert top >= 0
        assert top + height <= scene.height
    points = [box for shape in scene.shapes if shape.hint for box in shape.boxes]
    names = [
        box for label, box in zip(scene.labels, boxes, strict=True) if "some_net" in label.text
    ]
    assert len(names) == 2 * count
    assert not [1 for name in names for point in points if meet(name, point)]


def test_equal_points_have_labels_apart() -> None:
    found = place_labels(["one", "two", "three"], [(50.0, 50.0)] * 3, (0, 0, 400, 100))
    boxes = [box for box, _ in found]
    assert not [pair for pair in itertools.combinations(boxes, 2) if meet(*pair)]


def test_points_are_the_largest_that_fit() -> None:
    nets = [make("a", 96, 5, 100, 60), make("a", 128, 9, 200, 60), make("b", 96, 5, 100, None)]
    assert [found.height for found in pick_points(nets)] == [128]


def test_files() -> None:
    scene = draw_scatter("a board", crowd(5))
    assert write_svg(scene).count("<title>some_net") == 10
    assert write_png(scene).startswith(b"\x89PNG")
