"""The accelerator's units over time: an instruction is a bar in the row of the unit that works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinydeploy.report.accelerated_report import AcceleratedReport, InstructionFacts
from tinydeploy.report.page.memory_map import Mark, Name, Tick
from tinydeploy.report.page.plan_choice import round_step
from tinydeploy.report.page.words import list_words, short_name, show_large, show_percent

_UNITS = (("conv", "convolution"), ("depthwise", "depthwise"), ("tensor", "tensor"))
_ROW = 100  # units of y of a unit's row
_BAR = 84  # of them, a bar's
_TONES = 8
_NAMED = 1.2  # percent of the width that a name needs


@dataclass(frozen=True)
class UnitRow:
    """A unit: its name, the middle of its row in percent, and the share of cycles it works in."""

    title: str
    place: float
    busy: str


@dataclass(frozen=True)
class Timeline:
    """The picture; x is in cycles.

    Args:
        cycles: Of a frame.
        height: Units of y.
        rows: From top to bottom.
        marks: Instructions.
        names: Layers' numbers, of instructions that have room for them.
        ticks: Of the axis of time.
        sentence: Which unit decides.
    """

    cycles: int
    height: int
    rows: tuple[UnitRow, ...]
    marks: tuple[Mark, ...]
    names: tuple[Name, ...]
    ticks: tuple[Tick, ...]
    sentence: str


def view_timeline(report: AcceleratedReport) -> Timeline:
    """The picture of a report's program."""
    program = report.program
    cycles, height = max(1, program.cycles), _ROW * len(_UNITS)
    shares = {unit: program.busy.get(unit, 0) / cycles for unit, _ in _UNITS}
    return Timeline(
        cycles=cycles,
        height=height,
        rows=tuple(
            UnitRow(title, round(100 * (k + 0.5) / len(_UNITS), 2), f"{100 * shares[unit]:.1f} %")
            for k, (unit, title) in enumerate(_UNITS)
        ),
        marks=tuple(_draw(report)),
        names=tuple(_name(report, cycles)),
        ticks=tuple(_scale(cycles, program.clock_hz)),
        sentence=_tell(report, shares),
    )


def _draw(report: AcceleratedReport) -> Iterator[Mark]:
    rows = {unit: k for k, (unit, _) in enumerate(_UNITS)}
    for step in report.program.instructions:
        if step.unit not in rows:
            continue
        top = _ROW * rows[step.unit] + (_ROW - _BAR) // 2
        wide = max(1, step.finish - step.start)
        yield Mark(
            path=f"M{step.start} {top}h{wide}v{_BAR}h{-wide}z",
            tone="ts" if step.layer is None else f"t{step.layer % _TONES}",
            title=_title(report, step),
            text=_describe(report, step),
            layer=step.layer,
        )


def _title(report: AcceleratedReport, step: InstructionFacts) -> str:
    if step.layer is None:
        return f"{step.name}, of no layer"
    return f"{step.name} of layer {step.layer} ({report.layers[step.layer].op})"


def _describe(report: AcceleratedReport, step: InstructionFacts) -> str:
    name = "" if step.layer is None else f"{short_name(report.layers[step.layer].name)}\n"
    taken = step.finish - step.start
    microseconds = 1e6 * taken / max(1, report.program.clock_hz)
    return f"{name}cycles {step.start:,} to {step.finish:,}: {taken:,}, {microseconds:.3g} µs"


def _name(report: AcceleratedReport, cycles: int) -> Iterator[Name]:
    rows = {unit: k for k, (unit, _) in enumerate(_UNITS)}
    for step in report.program.instructions:
        width = 100 * (step.finish - step.start) / cycles
        if step.unit in rows and step.layer is not None and width >= _NAMED:
            yield Name(
                left=round(100 * step.start / cycles, 2),
                top=round(100 * rows[step.unit] / len(_UNITS), 2),
                width=round(width, 2),
                height=round(100 / len(_UNITS), 2),
                short=str(step.layer),
                long=step.name,
            )


def _scale(cycles: int, clock_hz: int) -> Iterator[Tick]:
    """Round numbers of microseconds; every other one is left out on narrow pages."""
    total = 1e6 * cycles / max(1, clock_hz)
    exponent = 1.0
    while total * exponent < 10:
        exponent *= 10
    step = round_step(total * exponent / 8) / exponent
    for number in range(int(total / step) + 1):
        text = f"{number * step:.6g}" + ("" if number else " µs")
        yield Tick(round(100 * number * step / total, 2), text, minor=number % 2 == 1)


def _tell(report: AcceleratedReport, shares: dict[str, float]) -> str:
    program, titles = report.program, dict(_UNITS)
    busiest = max(shares, key=lambda unit: shares[unit])
    works = [f"the {titles[unit]} unit works in {show_percent(s)}" for unit, s in shares.items()]
    return (
        f"A frame takes {show_large(program.cycles)} cycles, {report.accelerator_ms:.4g} ms at "
        f"{program.clock_hz / 1e6:g} MHz, by the cycle model. Of these cycles "
        f"{list_words(works)}. The busiest is the {titles[busiest]} unit."
    )
