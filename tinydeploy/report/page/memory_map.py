"""The memory plan over time: one panel per arena, bytes upwards, layers to the right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.plan.occupancy import Rectangle
from tinydeploy.plan.picture.layout import leave_uncovered, sort_by_birth
from tinydeploy.plan.timeline import Group, measure_moments
from tinydeploy.report.build_report import BuildReport, HeldFacts, LayerFacts, OccupantFacts
from tinydeploy.report.page.words import (
    list_words,
    make_printable,
    short_name,
    show_count,
    show_shape,
    show_share,
)

_UNIT = 100  # of x, per layer
_TALL, _SHORT = 340, 72  # pixels: height of the largest arena's panel, and of the least
_WIDTH, _NARROW = 1000, 280  # pixels that the plan has on a wide page, and on a telephone
_TONES = 8
_LETTER, _LINE = 7, 13  # pixels
_FULL = 0.75  # of the box around rows, that they fill where the box may bear their name
_NAMED = 3  # of what is live at the peak, in the sentence


@dataclass(frozen=True)
class Mark:
    """Something in an arena: an SVG path, its tone, what it is, and the layer that made it."""

    path: str
    tone: str
    title: str
    text: str
    layer: int | None


@dataclass(frozen=True)
class Name:
    """A label inside of a mark; the box is in percent of the panel."""

    left: float
    top: float
    width: float
    height: float
    short: str
    long: str


@dataclass(frozen=True)
class Tick:
    """A label of an axis, at so many percent of it; minor ones are left out on narrow pages."""

    place: float
    text: str
    minor: bool = False


@dataclass(frozen=True)
class Panel:
    """One arena.

    Args:
        memory: Its memory.
        size: Its bytes, which the SVG's y has as units.
        height: In pixels.
        ticks: Of the bytes' axis, from the bottom.
        marks: What lies in it.
        names: Of those that have room.
    """

    memory: str
    size: int
    height: int
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    names: tuple[Name, ...]


@dataclass(frozen=True)
class Held:
    """What is live at the peak."""

    layer: int | None
    title: str
    name: str
    size: int
    shown: str
    share: str
    percent: float
    tone: str


@dataclass(frozen=True)
class MemoryMap:
    """The whole picture.

    Args:
        width: Units of x in the SVG.
        cuts: The x between groups.
        peak: The x at which the peak begins and ends.
        peak_place: Its middle, in percent.
        groups: Labels of the groups.
        panels: One per arena.
        sentences: The peak in words.
        held: What is live then, the largest first.
    """

    width: int
    cuts: tuple[int, ...]
    peak: tuple[int, int]
    peak_place: float
    groups: tuple[Tick, ...]
    panels: tuple[Panel, ...]
    sentences: tuple[str, ...]
    held: tuple[Held, ...]


def view_memory(report: BuildReport) -> MemoryMap:
    """The picture of a report's memory plan."""
    timeline = report.memory.timeline
    groups = [Group(g.begin, g.end, g.layers) for g in timeline.groups]
    x = [round(unit * _UNIT) for unit in measure_moments(groups)]
    tensors = [o for o in timeline.occupants if not o.scratch]
    tones = {id(o): "ts" for o in timeline.occupants}
    tones |= {id(o): f"t{n % _TONES}" for n, o in enumerate(tensors)}
    layers = {layer.index: layer for layer in report.layers}
    arenas = [(r.name, r.arena_bytes) for r in report.memory.regions if r.arena_bytes]
    largest = max((size for _, size in arenas), default=1)
    peak = x[timeline.peak], x[timeline.peak + 1]
    by_owner = {(o.layer, o.name, o.scratch): tones[id(o)] for o in timeline.occupants}
    return MemoryMap(
        width=x[-1],
        cuts=tuple(x[moment] for moment in (1, *(group.end for group in groups))),
        peak=peak,
        peak_place=round(50 * sum(peak) / x[-1], 2),
        groups=tuple(_name_groups(groups, x)),
        panels=tuple(
            _draw_panel(
                memory,
                size,
                max(_SHORT, round(_TALL * size / largest)),
                [o for o in timeline.occupants if o.memory == memory],
                x,
                tones,
                layers,
            )
            for memory, size in arenas
        ),
        sentences=tuple(_describe_peak(report, layers)),
        held=tuple(
            _view_held(held, report.memory.peak.bytes, layers, by_owner)
            for held in report.memory.peak.held
        ),
    )


def _draw_panel(
    memory: str,
    size: int,
    height: int,
    occupants: Sequence[OccupantFacts],
    x: Sequence[int],
    tones: Mapping[int, str],
    layers: Mapping[int, LayerFacts],
) -> Panel:
    born = sort_by_birth(Rectangle(*r) for occupant in occupants for r in occupant.rectangles)
    names = [_name_mark(occupant, size, height, x, born) for occupant in occupants]
    return Panel(
        memory=memory,
        size=size,
        height=height,
        ticks=tuple(_scale(size, height)),
        marks=tuple(
            Mark(
                path="".join(
                    f"M{x[birth]} {size - end}h{x[death] - x[birth]}v{end - begin}"
                    f"h{x[birth] - x[death]}z"
                    for begin, end, birth, death in occupant.rectangles
                ),
                tone=tones[id(occupant)],
                title=_title(occupant, layers),
                text=_describe(occupant),
                layer=occupant.layer if occupant.layer in layers else None,
            )
            for occupant in occupants
        ),
        names=tuple(name for name in names if name is not None),
    )


def _title(occupant: OccupantFacts | HeldFacts, layers: Mapping[int, LayerFacts]) -> str:
    layer = layers.get(occupant.layer)
    if layer is None:
        return "the model's input"
    what = "scratch" if occupant.scratch else "the output"
    return f"{what} of layer {layer.index} ({layer.op})"


def _describe(occupant: OccupantFacts) -> str:
    """Name, shape, bytes and place, for hints."""
    low = min(begin for begin, _, _, _ in occupant.rectangles)
    high = max(end for _, end, _, _ in occupant.rectangles)
    shape = "" if occupant.scratch else f", {show_shape(occupant.shape)}"
    name = short_name(occupant.name)
    place = f"in {occupant.memory} at {low:,} to {high:,}"
    return f"{name}{shape}\n{occupant.bytes:,} bytes at most, {place}"


def _name_mark(
    occupant: OccupantFacts,
    size: int,
    height: int,
    x: Sequence[int],
    born: Mapping[int, Sequence[Rectangle]],
) -> Name | None:
    """A name in its largest rectangle, or in the box around rows that nearly fill it."""
    if occupant.scratch:
        return None
    short = "in" if occupant.layer < 0 else str(occupant.layer)
    rectangles = [leave_uncovered(Rectangle(*r), born) for r in occupant.rectangles]
    for box in _choose_boxes(rectangles, x):
        width, tall = (x[box.death] - x[box.birth]) / x[-1], (box.end - box.begin) / size
        if width * _WIDTH >= _LETTER * len(short) + 2 and tall * height >= _LINE:
            break
    else:
        return None
    return Name(
        left=round(100 * x[box.birth] / x[-1], 2),
        top=round(100 * (size - box.end) / size, 2),
        width=round(100 * width, 2),
        height=round(100 * tall, 2),
        short=short,
        long=show_shape(occupant.shape),
    )


def _choose_boxes(rectangles: Sequence[Rectangle], x: Sequence[int]) -> Iterator[Rectangle]:
    """The largest rectangle, then the box around all, if they nearly fill it."""

    def area(r: Rectangle) -> int:
        return (r.end - r.begin) * (x[r.death] - x[r.birth])

    yield max(rectangles, key=area)
    around = Rectangle(
        min(r.begin for r in rectangles),
        max(r.end for r in rectangles),
        min(r.birth for r in rectangles),
        max(r.death for r in rectangles),
    )
    if sum(map(area, rectangles)) >= _FULL * area(around):
        yield around


def _scale(size: int, height: int) -> list[Tick]:
    """Round numbers of bytes, and the arena's end."""
    step = 4
    while height * step / size < 36:
        step *= 2
    levels = range(0, size, step)
    ticks = [Tick(round(100 * level / size, 2), f"{level:,}") for level in levels]
    while len(ticks) > 1 and (100 - ticks[-1].place) * height / 100 < _LINE + 4:
        ticks.pop()
    return [*ticks, Tick(100.0, f"{size:,}")]


def _name_groups(groups: Sequence[Group], x: Sequence[int]) -> list[Tick]:
    """Those that have room, and among them those that have some on a narrow page."""
    spans = [(0, 1, "in"), *((g.begin, g.end, g.name) for g in groups)]
    spans.append((len(x) - 2, len(x) - 1, "out"))
    ticks = []
    free = narrow_free = 0.0
    for begin, end, name in spans:
        middle, half = (x[begin] + x[end]) / 2 / x[-1], _LETTER * (len(name) + 1) / 2
        if middle * _WIDTH - half >= free:
            minor = middle * _NARROW - half < narrow_free
            ticks.append(Tick(round(100 * middle, 2), name.replace("-", "–"), minor))
            free = middle * _WIDTH + half
            narrow_free = narrow_free if minor else middle * _NARROW + half
    return ticks


def _describe_peak(report: BuildReport, layers: Mapping[int, LayerFacts]) -> list[str]:
    """Which layer, which tensors, and what the arenas take beyond that."""
    memory, peak = report.memory, report.memory.peak
    runs = None if peak.layer is None else layers.get(peak.layer)
    if runs is not None:
        when = f"while layer {runs.index} ({runs.op}, {short_name(runs.name)}) runs"
    elif memory.timeline.peak == 0:
        when = "while the inputs are written"
    elif memory.timeline.peak == memory.timeline.moments - 1:
        when = "while the outputs are read"
    else:
        when = "while a row of the input is pushed"
    sentences = [f"At most {peak.bytes:,} bytes are live at one moment, {when}."]
    largest = peak.held[:_NAMED]
    parts = [f"{held.bytes:,} bytes of {_title(held, layers)}" for held in largest]
    rest = sum(held.bytes for held in peak.held[_NAMED:])
    if rest:
        others = len(peak.held) - _NAMED
        parts.append(f"{rest:,} bytes of {others} other{'' if others == 1 else 's'}")
    if parts:
        sentences.append(f"They are {list_words(parts)}.")
    if sum(held.bytes for held in peak.held) > peak.bytes:
        sentences.append("Rows that take the place of others in the same call count once.")
    extra = memory.arena_planned_bytes - peak.bytes
    sentences.append(
        f"The arenas have {memory.arena_planned_bytes:,} bytes: {extra:,} more, for gaps between "
        "tensors that have to keep their places."
        if extra > 0
        else "The arenas have no byte more."
    )
    return sentences


def _view_held(
    held: HeldFacts,
    total: int,
    layers: Mapping[int, LayerFacts],
    tones: Mapping[tuple[int, str, bool], str],
) -> Held:
    return Held(
        layer=held.layer if held.layer in layers else None,
        title=_title(held, layers),
        name=make_printable(held.name),
        size=held.bytes,
        shown=show_count(held.bytes),
        share=show_share(held.bytes, total),
        percent=round(100 * held.bytes / total, 2) if total else 0.0,
        tone=tones.get((held.layer, held.name, held.scratch), "ts"),
    )
