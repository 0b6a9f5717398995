"""Accuracy against latency and against RAM, as a picture; labels that do not overlap.

Each net is a point, at the largest of its resolutions that fits: filled where its accuracy was
published for that one, else hollow. The two colours differ in lightness, too, and with any kind of
colour vision (Okabe and Ito's blue and vermilion).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tinydeploy.compare.place import Placement
from tinydeploy.plan.picture.scene import CAPITAL, LETTER, Box, Label, Scene, Shape

_WIDTH, _LEFT, _RIGHT = 1000.0, 56.0, 16.0
_TITLE, _ABOVE, _TALL, _BELOW = 18.0, 34.0, 430.0, 44.0
_POINT, _LINE = 8.0, 1.0
_TICKS = 4
_OWN, _OTHER = "#0072b2", "#d55e00"
# Labels keep so far from each other and from points; rings of places that are tried around a point.
_AIR, _RINGS, _STEP = 2.0, 24, 5.0


@dataclass(frozen=True)
class _Axis:
    """Values to places.

    Args:
        low: Value at its begin.
        high: Value at its end.
        begin: Its place in the picture.
        end: Likewise.
        logarithmic: Equal factors are equally far apart.
    """

    low: float
    high: float
    begin: float
    end: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value is drawn."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)


def pick_points(placements: Sequence[Placement]) -> list[Placement]:
    """The largest resolution that fits of each net with a published accuracy."""
    best: dict[str, Placement] = {}
    for found in placements:
        known = found.fits and found.top1 is not None and found.latency_ms and found.ram
        if known and (found.net not in best or found.height > best[found.net].height):
            best[found.net] = found
    return list(best.values())


def draw_scatter(board: str, placements: Sequence[Placement]) -> Scene:
    """The picture.

    Args:
        board: What to call the board.
        placements: At least one with a published accuracy fits.
    """
    points = pick_points(placements)
    panel = _ABOVE + _TALL + _BELOW
    title = f"Zoo on {board}: published top-1 against latency and RAM"
    shapes: list[Shape] = []
    labels = [Label(_LEFT, _TITLE, title), *_legend()]
    shapes += [
        Shape(_OWN, ((_LEFT, _TITLE + 8, _POINT, _POINT),)),
        Shape(_OTHER, tuple(_frame(_LEFT + 300, _TITLE + 8))),
    ]
    panels: tuple[tuple[str, Callable[[Placement], float]], ...] = (
        ("latency, ms, estimated (logarithmic)", lambda found: found.latency_ms or 0),
        ("RAM, K (logarithmic)", lambda found: (found.ram or 0) / 1024),
    )
    for number, (name, value) in enumerate(panels):
        top = _TITLE + 16 + number * panel + _ABOVE
        found = _draw_panel(points, name, value, top)
        shapes += found[0]
        labels += found[1]
    return Scene(_WIDTH, _TITLE + 16 + 2 * panel, title, tuple(shapes), tuple(labels))


def _legend() -> Iterator[Label]:
    y = _TITLE + 8 + CAPITAL
    yield Label(_LEFT + 14, y, "at the resolution of the published accuracy", colour="quiet")
    yield Label(_LEFT + 314, y, "at a smaller one, where accuracy is lower", colour="quiet")


def _draw_panel(
    points: Sequence[Placement], name: str, value: Callable[[Placement], float], top: float
) -> tuple[list[Shape], list[Label]]:
    bottom, right = top + _TALL, _WIDTH - _RIGHT
    accuracies = [found.top1 or 0 for found in points]
    values = [value(found) for found in points]
    low, high = math.floor(min(accuracies) - 1), math.ceil(max(accuracies) + 1)
    y_axis = _Axis(low, high, bottom, top)
    x_axis = _Axis(min(values) / 1.3, max(values) * 1.3, _LEFT, right, logarithmic=True)
    lines: list[Box] = []
    labels = [
        Label((_LEFT + right) / 2, bottom + 34, name, "middle", "quiet"),
        Label(_LEFT, top - 8, "published top-1, %", colour="quiet"),
    ]
    for tick in _ticks(x_axis.low, x_axis.high):
        x = x_axis.place(tick)
        lines.append((x, top, _LINE, _TALL))
        labels.append(Label(x, bottom + 16, f"{tick:g}", "middle", "quiet"))
    for percent in range(low - low % 5 + 5, high + 1, 5):
        y = y_axis.place(percent)
        lines.append((_LEFT, y, right - _LEFT, _LINE))
        labels.append(Label(_LEFT - 6, y + CAPITAL / 2, f"{percent}", "end", "quiet"))
    shapes = [Shape("faint", tuple(lines))]
    places = [
        (x_axis.place(across), y_axis.place(up))
        for across, up in zip(values, accuracies, strict=True)
    ]
    bounds = (_LEFT + 2, top + 2, right - _LEFT - 4, _TALL - 4)
    names = [_name(found) for found in points]
    for point, (x, y), (box, leader) in zip(
        points, places, place_labels(names, places, bounds), strict=True
    ):
        left, upper = x - _POINT / 2, y - _POINT / 2
        hint = f"{_name(point)}: {point.top1:g} %, {value(point):.1f}"
        if leader:
            shapes.append(Shape("quiet", leader))
        if point.own_size:
            shapes.append(Shape(_OWN, ((left, upper, _POINT, _POINT),), hint))
        else:
            shapes.append(Shape(_OTHER, tuple(_frame(left, upper)), hint))
        labels.append(Label(box[0], box[1] + CAPITAL, _name(point)))
    return shapes, labels


def _name(found: Placement) -> str:
    return found.net if found.own_size else f"{found.net} @{found.height}"


def _frame(x: float, y: float) -> Iterator[Box]:
    """A hollow point."""
    thick, side = 2.0, _POINT
    yield from ((x, y, side, thick), (x, y + side - thick, side, thick))
    yield from ((x, y, thick, side), (x + side - thick, y, thick, side))


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten; more of them where that makes but a few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        found = [digit * 10.0**power for power in powers for digit in digits]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) >= _TICKS:
            break
    return found


def place_labels(
    names: Sequence[str], places: Sequence[tuple[float, float]], bounds: Box
) -> list[tuple[Box, tuple[Box, ...]]]:
    """A box for each label, near its point, that meets no other and no point.

    Those in a crowd choose last to go far: points are served by how many others are near.

    Args:
        names: The labels.
        places: Centres of the points.
        bounds: Where labels may lie.

    Returns:
        Of each, its box, and lines that lead to it where it is not beside its point.
    """
    half = _POINT / 2
    taken = [(x - half, y - half, _POINT, _POINT) for x, y in places]
    found: dict[int, tuple[Box, tuple[Box, ...]]] = {}
    crowds = [sum(abs(x - a) < 120 and abs(y - b) < 30 for a, b in places) for x, y in places]
    for index in sorted(range(len(names)), key=lambda index: (-crowds[index], index)):
        x, y = places[index]
        width = LETTER * len(names[index])
        options = [box for box in _near(x, y, width) if _inside(box, bounds)]
        free = (box for box in options if not any(_meet(box, other) for other in taken))
        box = next(free, None)
        if box is None:  # a picture as full as that has no better place
            box = min(options, key=lambda box: sum(_meet(box, other) for other in taken))
        taken.append(box)
        found[index] = box, _lead(x, y, box)
    return [found[index] for index in range(len(names))]


def _near(x: float, y: float, width: float) -> Iterator[Box]:
    """Places for a label around a point, the closest first."""
    height, half = CAPITAL + 2, _POINT / 2
    for ring in range(_RINGS):
        away = ring * _STEP
        gap = half + _AIR + 1
        for up in (0.0, -away, away) if ring else (0.0,):
            yield (x + gap, y - height / 2 + up, width, height)
            yield (x - gap - width, y - height / 2 + up, width, height)
        for share in (0.5, 0.25, 0.75, 0.0, 1.0):
            yield (x - share * width, y - gap - height - away, width, height)
            yield (x - share * width, y + gap + away, width, height)


def _inside(box: Box, bounds: Box) -> bool:
    x, y, width, height = box
    left, top, wide, tall = bounds
    return left <= x and x + width <= left + wide and top <= y and y + height <= top + tall


def _meet(one: Box, other: Box) -> bool:
    return (
        one[0] < other[0] + other[2] + _AIR
        and other[0] < one[0] + one[2] + _AIR
        and one[1] < other[1] + other[3] + _AIR
        and other[1] < one[1] + one[3] + _AIR
    )


def _lead(x: float, y: float, box: Box) -> tuple[Box, ...]:
    """A line from a point straight up or down to a label that is not beside it."""
    left, top, width, height = box
    beside = abs(top + height / 2 - y) < height
    close = min(abs(top - y), abs(top + height - y)) < _POINT + _AIR
    if beside or close:
        return ()
    end = min(max(x, left), left + width)
    edge = top + height if top + height < y else top
    vertical = (x, min(y, edge), _LINE, abs(edge - y))
    sideways = (min(x, end), edge, abs(end - x), _LINE)
    return (vertical, sideways) if abs(end - x) > _LINE else (vertical,)
