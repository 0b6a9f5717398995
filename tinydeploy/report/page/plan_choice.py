"""The plans that there were to choose from: RAM against instructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinydeploy.report.build_report import BuildReport, PlanFacts
from tinydeploy.report.page.memory_map import Tick
from tinydeploy.report.page.words import show_large


@dataclass(frozen=True)
class PlanPoint:
    """A plan; its place in percent from the left and from the bottom.

    Args:
        number: From 1 on.
        plan: Its figures.
        ram: Bytes, with those of the input outside of the arena.
        best: No other needs less of both.
    """

    number: int
    plan: PlanFacts
    ram: int
    left: float
    bottom: float
    best: bool


@dataclass(frozen=True)
class PlanChoice:
    """The picture: points, the line of the best ones as an SVG path in percent, and the axes."""

    points: tuple[PlanPoint, ...]
    front: str
    ram_ticks: tuple[Tick, ...]
    cost_ticks: tuple[Tick, ...]


def view_plans(report: BuildReport) -> PlanChoice | None:
    """The picture; None where there is nothing to choose from."""
    plans = report.plans
    if len(plans) < 2:
        return None
    rams = [plan.arena_bytes + plan.input_bytes for plan in plans]
    costs = [plan.instructions_estimated for plan in plans]
    across, up = _axis(rams), _axis(costs)
    points = tuple(
        PlanPoint(
            number,
            plan,
            ram,
            across.place(ram),
            up.place(cost),
            best=not any(
                (r <= ram and c <= cost and (r, c) != (ram, cost))
                for r, c in zip(rams, costs, strict=True)
            ),
        )
        for number, (plan, ram, cost) in enumerate(zip(plans, rams, costs, strict=True), start=1)
    )
    best = sorted((p for p in points if p.best), key=lambda p: (p.left, -p.bottom))
    front = ""
    for point in best:
        y = round(100 - point.bottom, 2)
        front += f"H{point.left}V{y}" if front else f"M{point.left} {y}"
    return PlanChoice(points, front, across.ticks, up.ticks)


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        """Percent from the axis' begin."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


def _axis(values: Sequence[int]) -> _Axis:
    """An axis from 0, or from near the least value where all are close to one another."""
    least, most = min(values), max(values)
    start = 0.0 if least < 0.6 * most else least - 0.5 * max(most - least, 0.02 * most)
    span = (most - start) * 1.12 or 1.0
    step = round_step(span / 4)
    first = -(-start // step) * step
    levels = [first + step * k for k in range(8) if first + step * k <= start + span]
    low, high = start, start + span
    ticks = tuple(
        Tick(round(100 * (level - low) / (high - low), 2), show_large(level)) for level in levels
    )
    return _Axis(low, high, ticks)


def round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20, ..."""
    power = 1.0
    while power * 10 <= least:
        power *= 10
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
