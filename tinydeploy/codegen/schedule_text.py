"""The calls of an inference as C: one by one, as loops where they repeat, else as a table.

Calls fall into stretches: a stretch has all calls of its layers, and no other's. A layer that makes
all its rows at once is a stretch of one call. Where layers take turns, their calls settle into a
pattern that repeats, each time some rows further down: a loop. Where strides make the pattern long,
a table of (layer, rows) is shorter: every layer goes on where it stopped. Where the host pushes the
rows of the input there is always a table, because the code returns to the host between its entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinydeploy.plan.plan import FEED, Step

FED_STEPS = "fed_steps"  # name of the table that takes rows of the input to go on
_LONGEST = 64  # calls in the body of a loop that is looked for
_LEAST_SAVED = 2  # calls that a loop is worth
# Bytes of code, about, of a call, a loop round it and the table of a stretch.
_CALL_BYTES, _LOOP_BYTES, _TABLE_BYTES = 20, 12, 16
# A table saves at least so much flash, beside a share, before it takes the place of readable calls.
_TABLE_GAIN, _TABLE_SHARE = 64, 1.5


@dataclass(frozen=True)
class CallText:
    """One call of a layer's function: rows [first, last) as C expressions, of `i` in a loop."""

    layer: int
    first: str
    last: str


@dataclass(frozen=True)
class LoopText:
    """Calls that are made `count` times, i counting up from 0; without a loop if only once."""

    count: int
    calls: tuple[CallText, ...]


@dataclass(frozen=True)
class StretchText:
    """The calls of some layers.

    Args:
        comment: What it does.
        loops: Its calls; none where there is a table.
        symbol: Name of the table; empty without one.
        table: Layer and rows of each call, in turn; FEED and rows where it takes rows to go on.
    """

    comment: str
    loops: tuple[LoopText, ...]
    symbol: str
    table: tuple[int, ...]


def describe_schedule(steps: Sequence[Step]) -> tuple[StretchText, ...]:
    """Writes down all calls, in their order."""
    return tuple(_describe_stretch(stretch) for stretch in _cut_stretches(steps))


def count_table_bytes(stretches: Sequence[StretchText]) -> int:
    """Bytes of flash of all tables."""
    return sum(len(stretch.table) for stretch in stretches)


def _cut_stretches(steps: Sequence[Step]) -> list[list[Step]]:
    """Cuts the steps wherever no layer has steps on both sides, and the input has come before."""
    last_of = {step.op: number for number, step in enumerate(steps)}
    end = last_of.get(FEED, -1)
    stretches: list[list[Step]] = [[]] if FEED in last_of else []
    for number, step in enumerate(steps):
        if number > end:
            stretches.append([])
        end = max(end, last_of[step.op])
        stretches[-1].append(step)
    return stretches


def _describe_stretch(steps: Sequence[Step]) -> StretchText:
    layers = sorted({step.op for step in steps} - {FEED})
    pairs = tuple(value for step in steps for value in (step.op, step.last - step.first))
    if any(step.op == FEED for step in steps):
        return StretchText(_describe_fed(layers), (), FED_STEPS, pairs)
    loops = tuple(_find_loops(steps))
    calls = sum(_CALL_BYTES * len(loop.calls) for loop in loops)
    calls += sum(_LOOP_BYTES for loop in loops if loop.count > 1)
    table = _TABLE_BYTES + 2 * len(steps)
    comment = _describe_layers(layers, steps)
    if calls <= _TABLE_SHARE * table + _TABLE_GAIN:
        return StretchText(comment, loops, "", ())
    return StretchText(comment, (), f"steps{layers[0]}", pairs)


def _describe_fed(layers: Sequence[int]) -> str:
    if not layers:
        return "No layer begins before all rows of the input are there."
    return f"Layers {layers[0]} to {layers[-1]}, as the rows of the input come."


def _describe_layers(layers: Sequence[int], steps: Sequence[Step]) -> str:
    if len(steps) == 1:
        return ""
    if len(layers) == 1:
        return f"Layer {layers[0]} in pieces, so that rows of its input give way."
    most = max(step.last - step.first for step in steps)
    rows = "row by row" if most == 1 else f"up to {most} rows at a time"
    return f"Layers {layers[0]} to {layers[-1]}, {rows}."


def _find_loops(steps: Sequence[Step]) -> list[LoopText]:
    """Takes, from the first step on, the pattern whose repetitions save most calls."""
    loops: list[LoopText] = []
    start = 0
    while start < len(steps):
        best = (0, 1, 1)  # calls saved, length of the body, repetitions
        for length in range(1, min(_LONGEST, (len(steps) - start) // 2) + 1):
            count = _count_repetitions(steps, start, length)
            best = max(best, ((count - 1) * length, -length, count))
        saved, length, count = best[0], abs(best[1]), best[2]
        if saved >= _LEAST_SAVED:
            loops.append(_describe_loop(steps, start, length, count))
        else:
            length = count = 1
            step = steps[start]
            call = CallText(step.op, str(step.first), str(step.last))
            if loops and loops[-1].count == 1:
                loops[-1] = LoopText(1, (*loops[-1].calls, call))
            else:
                loops.append(LoopText(1, (call,)))
        start += length * count
    return loops


def _count_repetitions(steps: Sequence[Step], start: int, length: int) -> int:
    """How often steps [start, start + length) come one after the other, with equal advances."""
    advances = [
        (b.op - a.op, b.first - a.first, b.last - a.last)
        for a, b in zip(steps[start : start + length], steps[start + length :], strict=False)
    ]
    if len(advances) < length or any(op for op, _, _ in advances):
        return 1
    count = 1
    while start + (count + 1) * length <= len(steps):
        for offset, (_, first, last) in enumerate(advances):
            a = steps[start + (count - 1) * length + offset]
            b = steps[start + count * length + offset]
            if (b.op, b.first, b.last) != (a.op, a.first + first, a.last + last):
                return count
        count += 1
    return count


def _describe_loop(steps: Sequence[Step], start: int, length: int, count: int) -> LoopText:
    body = steps[start : start + length]
    again = steps[start + length : start + 2 * length]
    return LoopText(
        count,
        tuple(
            CallText(a.op, _line(a.first, b.first - a.first), _line(a.last, b.last - a.last))
            for a, b in zip(body, again, strict=True)
        ),
    )


def _line(begin: int, advance: int) -> str:
    """C for begin + advance * i."""
    if not advance:
        return str(begin)
    product = "i" if advance == 1 else f"{advance} * i"
    return f"{product} + {begin}" if begin else product
