"""The moment at which most bytes are live, and what is live then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.occupancy import Occupant, Rectangle, describe_occupant
from tinydeploy.plan.plan import FEED, Plan

_MOST_NAMED = 6  # of what is live, in the sentence


@dataclass(frozen=True)
class Peak:
    """A moment at which as many bytes are live as ever.

    Args:
        moment: The first such moment, counted as in occupancy.py.
        size: Bytes live; those of a row and of the one that takes its place count once.
        held: What is live, and its bytes, the largest first.
    """

    moment: int
    size: int
    held: tuple[tuple[Occupant, int], ...]


def measure_live(plan: Plan, occupants: Sequence[Occupant]) -> list[int]:
    """Bytes live at each moment, over all arenas."""
    moments: list[list[tuple[str, Rectangle]]] = [[] for _ in range(len(plan.steps) + 2)]
    for occupant in occupants:
        for rectangle in occupant.rectangles:
            for moment in range(rectangle.birth, rectangle.death):
                moments[moment].append((occupant.memory, rectangle))
    return [_count_covered(live) for live in moments]


def find_peak(plan: Plan, occupants: Sequence[Occupant]) -> Peak:
    """Finds the peak of a plan, over all arenas."""
    sizes = measure_live(plan, occupants)
    peak = sizes.index(max(sizes))
    held = [
        (o, sum(r.end - r.begin for r in o.rectangles if r.birth <= peak < r.death))
        for o in occupants
    ]
    order = sorted((entry for entry in held if entry[1]), key=lambda entry: -entry[1])
    return Peak(peak, sizes[peak], tuple(order))


def _count_covered(live: Sequence[tuple[str, Rectangle]]) -> int:
    """Bytes that are in any of the rectangles."""
    total, reach, where = 0, 0, ""
    for memory, rectangle in sorted(live, key=lambda entry: (entry[0], entry[1].begin)):
        if memory != where:
            where, reach = memory, 0
        total += max(0, rectangle.end - max(rectangle.begin, reach))
        reach = max(reach, rectangle.end)
    return total


def describe_peak(graph: Graph, plan: Plan, peak: Peak) -> str:
    """The peak in one sentence."""
    if peak.moment == 0:
        when = "when the inputs are written"
    elif peak.moment > len(plan.steps):
        when = "when the outputs are read"
    else:
        step = plan.steps[peak.moment - 1]
        rows = f"rows [{step.first}, {step.last})"
        if step.op == FEED:
            when = f"when the host pushes {rows}"
        else:
            when = f"in layer {step.op} ({graph.ops[step.op].kind}) for {rows}"
    largest, others = peak.held[:_MOST_NAMED], [size for _, size in peak.held[_MOST_NAMED:]]
    held = ", ".join(f"{describe_occupant(graph, o)} {size:,}" for o, size in largest)
    if others:
        held += f", {len(others)} others {sum(others):,}"
    shared = sum(size for _, size in peak.held) > peak.size
    note = "; rows that take the place of others count once" if shared else ""
    return f"Peak: {peak.size:,} bytes live {when}: {held}{note}"
