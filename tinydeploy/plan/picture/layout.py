"""What a picture of a plan shows: bytes upwards, layers to the right, one panel per arena."""

from __future__ import annotations

import colorsys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.occupancy import Occupant, Rectangle, describe_occupant, find_occupants
from tinydeploy.plan.peak import describe_peak, find_peak
from tinydeploy.plan.picture.scene import CAPITAL, LETTER, Box, Label, Scene, Shape
from tinydeploy.plan.plan import Arena, Plan
from tinydeploy.plan.timeline import Group, find_groups, measure_moments

_WIDTH, _LEFT, _RIGHT = 1000.0, 64.0, 12.0
_TITLE, _LINE = 18.0, 14.0
# Height of the largest arena's panel, and of the least.
_TALL, _SHORT = 360.0, 60.0
_SCRATCH, _ON_COLOUR = "#9aa4ae", "#1f2328"


@dataclass(frozen=True)
class _Panel:
    """Where an arena is drawn.

    Args:
        arena: The arena.
        top: The y of its end.
        height: From there to its first byte.
        x: Where each moment begins, and where the last ends.
    """

    arena: Arena
    top: float
    height: float
    x: Sequence[float]

    @property
    def bottom(self) -> float:
        """The y of the first byte."""
        return self.top + self.height

    def level(self, offset: int) -> float:
        """The y of a byte."""
        return self.bottom - self.height * offset / self.arena.size

    def box(self, r: Rectangle) -> Box:
        """Where a rectangle of moments and bytes is drawn."""
        left, top = self.x[r.birth], self.level(r.end)
        return left, top, self.x[r.death] - left, self.level(r.begin) - top


def draw_scene(graph: Graph, plan: Plan) -> Scene:
    """Lays out the picture of a plan."""
    groups = find_groups(plan)
    units = measure_moments(groups)
    x = [_LEFT + unit / units[-1] * (_WIDTH - _LEFT - _RIGHT) for unit in units]
    occupants = find_occupants(graph, plan)
    title = (
        f"{graph.name}: {plan.arena_bytes:,} bytes of RAM for one inference; "
        f"lower bound {plan.lower_bound_bytes:,}"
    )
    labels = [Label(_LEFT, _TITLE, title)]
    shapes: list[Shape] = []
    panels = _stack_panels(plan.arenas, x, _TITLE)
    for panel in panels:
        name = f"{panel.arena.memory}: {panel.arena.size:,} bytes"
        labels.append(Label(_LEFT, panel.top - 5, name, colour="quiet"))
        for found in (
            _draw_scale(panel),
            _draw_occupants(graph, panel, occupants),
            _draw_cuts(panel, groups),
        ):
            shapes += found[0]
            labels += found[1]
    bottom = panels[-1].bottom
    labels += _name_moments(x, groups, bottom + 12)
    peak = find_peak(plan, occupants)
    middle = (x[peak.moment] + x[peak.moment + 1]) / 2
    shapes += [
        Shape("peak", ((middle - 0.75, panel.top, 1.5, panel.height),), "peak") for panel in panels
    ]
    sentence = describe_peak(graph, plan, peak)
    lines = textwrap.wrap(sentence, int((_WIDTH - _LEFT - _RIGHT) / LETTER))
    first = bottom + 16 + 2 * _LINE
    labels += [
        Label(_LEFT, first + n * _LINE, text, "start", "peak") for n, text in enumerate(lines)
    ]
    height = first + len(lines) * _LINE
    return Scene(_WIDTH, height, title, tuple(shapes), tuple(labels))


def _stack_panels(arenas: Sequence[Arena], x: Sequence[float], y: float) -> list[_Panel]:
    """The panels from top to bottom, on one scale but for small ones."""
    largest = max(arena.size for arena in arenas)
    panels = []
    for arena in arenas:
        height = max(_SHORT, _TALL * arena.size / largest)
        panels.append(_Panel(arena, y + 24, height, x))
        y = panels[-1].bottom
    return panels


def _draw_scale(panel: _Panel) -> tuple[list[Shape], list[Label]]:
    """Lines at round numbers of bytes."""
    step = 4
    while panel.height * step / panel.arena.size < 2.5 * _LINE:
        step *= 2
    levels = range(0, panel.arena.size + 1, step)
    width = panel.x[-1] - _LEFT
    lines = tuple((_LEFT, panel.level(offset) - 0.5, width, 1.0) for offset in levels)
    top = (_LEFT, panel.top - 0.5, width, 1.0)
    labels = [
        Label(_LEFT - 6, panel.level(offset) + CAPITAL / 2, f"{offset:,}", "end", "quiet")
        for offset in levels
    ]
    return [Shape("faint", lines), Shape("quiet", (top,), "the arena's end")], labels


def _draw_occupants(
    graph: Graph, panel: _Panel, occupants: Sequence[Occupant]
) -> tuple[list[Shape], list[Label]]:
    """What lies in the arena; whatever has room for its name bears it."""
    shapes, labels = [], []
    inside = [occupant for occupant in occupants if occupant.memory == panel.arena.memory]
    born = sort_by_birth([r for occupant in inside for r in occupant.rectangles])
    for number, occupant in enumerate(inside):
        colour = _SCRATCH if occupant.tensor is None else _choose_colour(number)
        rectangles = occupant.rectangles
        boxes = [panel.box(rectangle) for rectangle in rectangles]
        hint = f"{describe_occupant(graph, occupant)}: {occupant.most_bytes:,} bytes at most"
        shapes.append(Shape(colour, tuple(boxes), hint))
        seen = [panel.box(leave_uncovered(rectangle, born)) for rectangle in rectangles]
        label = None if occupant.tensor is None else _name_box(graph, occupant.tensor, seen)
        if label is not None:
            labels.append(label)
    return shapes, labels


def sort_by_birth(rectangles: Iterable[Rectangle]) -> Mapping[int, Sequence[Rectangle]]:
    """The rectangles of an arena by their first moment."""
    born: dict[int, list[Rectangle]] = {}
    for rectangle in rectangles:
        born.setdefault(rectangle.birth, []).append(rectangle)
    return born


def leave_uncovered(r: Rectangle, born: Mapping[int, Sequence[Rectangle]]) -> Rectangle:
    """Without its last moment, if what takes its place covers it then."""
    covered = any(o.begin < r.end and r.begin < o.end for o in born.get(r.death - 1, ()))
    return replace(r, death=r.death - 1) if covered and r.death - r.birth > 1 else r


def _choose_colour(number: int) -> str:
    """One of 64 colours, light enough for dark letters; neighbours in a sequence differ most."""
    hue = number % 64 * 0.618034 % 1
    red, green, blue = colorsys.hls_to_rgb(hue, 0.70 + 0.06 * (number % 2), 0.62)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def _name_box(graph: Graph, tensor: int, boxes: Sequence[Box]) -> Label | None:
    """A name where the tensor has room for one, as long as fits."""
    shape = "x".join(map(str, graph.tensors[tensor].rows))
    for text in (f"{tensor}: {shape}", str(tensor)):
        found = _find_room(boxes, LETTER * len(text) + 4)
        if found is not None:
            x, y, _, height = found
            return Label(x + 3, y + (height + CAPITAL) / 2, text, "start", _ON_COLOUR)
    return None


def _find_room(boxes: Sequence[Box], width: float) -> Box | None:
    """The highest room of a width that boxes one above the other have together, up to 100 high."""
    best: Box | None = None
    order = sorted(boxes, key=lambda box: -box[1])
    for number, (left, top, wide, high) in enumerate(order):
        right, bottom = left + wide, top + high
        for x, y, w, h in order[number:]:
            if y + h < top - 0.5 or (best is not None and best[3] >= 100):
                break
            left, right, top = max(left, x), min(right, x + w), min(top, y)
            if right - left < width:
                break
            if bottom - top >= CAPITAL + 3 and (best is None or bottom - top > best[3]):
                best = left, top, right - left, bottom - top
    return best


def _draw_cuts(panel: _Panel, groups: Sequence[Group]) -> tuple[list[Shape], list[Label]]:
    """Dashed lines between groups."""
    dash, gap = 2.0, 4.0
    count = int(panel.height / (dash + gap))
    boxes = tuple(
        (panel.x[moment] - 0.5, panel.top + number * (dash + gap), 1.0, dash)
        for moment in (1, *(group.end for group in groups))
        for number in range(count)
    )
    return [Shape("quiet", boxes)], []


def _name_moments(x: Sequence[float], groups: Sequence[Group], y: float) -> list[Label]:
    """The layers' axis."""
    spans = [(group.begin, group.end, group.name) for group in groups]
    last = len(x) - 2
    labels, free = [], 0.0
    for begin, end, name in ((0, 1, "in"), *spans, (last, last + 1, "out")):
        middle, half = (x[begin] + x[end]) / 2, LETTER * (len(name) + 1) / 2
        if middle - half >= free:
            labels.append(Label(middle, y, name, "middle", "quiet"))
            free = middle + half
    text = "layers, which take turns between two dashed lines; grey is scratch"
    return [*labels, Label(_LEFT, y + _LINE, text, colour="quiet")]
