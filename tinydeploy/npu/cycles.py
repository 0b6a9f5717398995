"""The cycle model: how long an instruction takes, and how the units work beside each other.

Three units work at the same time: one for convolutions, with 16 x 32 multipliers, one for
depthwise convolutions, with 16, and one for everything else, 16 bytes a cycle. Instructions are
issued in order. One that reads what an earlier one still writes follows it row by row; where it
would write on what is still in use, it waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tinydeploy.npu.effects import Effects, Span, Unit
from tinydeploy.npu.layout import count_blocks


@dataclass(frozen=True)
class Timing:
    """Parameters of the model.

    Args:
        clock_hz: Of everything.
        conv_channels: Channels that the convolution unit takes in a cycle.
        conv_results: Results that it makes of them; their product is its number of MACs.
        depthwise_macs: MACs of the depthwise unit in a cycle.
        tensor_bytes: Bytes that the tensor unit takes in a cycle.
        issue: Cycles from one instruction to the next: it is fetched, checked and set up.
        overlap: Units work at the same time; else each instruction waits for the one before.
        limit: Cycles after which the watchdog ends a frame.
    """

    clock_hz: int = 250_000_000
    conv_channels: int = 16
    conv_results: int = 32
    depthwise_macs: int = 16
    tensor_bytes: int = 16
    issue: int = 64
    overlap: bool = True
    limit: int = 25_000_000


PUBLISHED: Final = Timing()
"""512 and 16 MACs at 250 MHz; the rest is this model's own."""


def count_work(effects: Effects, timing: Timing) -> int:
    """Cycles for which an instruction keeps its unit, were it alone."""
    source, made = effects.source_size, effects.windows
    taps = effects.taps[0] * effects.taps[1]
    if effects.unit == "conv":
        depth = source.channels if effects.reads_image else 0
        # The stem's few channels and its taps go side by side; others come by blocks.
        steps = (
            _divide(depth * taps, timing.conv_channels)
            if effects.reads_image
            else taps * _divide(source.channels, timing.conv_channels)
        )
        return made.pixels * steps * _divide(made.channels, timing.conv_results)
    if effects.unit == "depthwise":
        return made.pixels * _divide(taps * count_blocks(made.channels) * 16, timing.depthwise_macs)
    if effects.unit == "tensor":
        pixels = max(source.pixels, made.pixels * taps)
        return pixels * _divide(count_blocks(source.channels) * 16, timing.tensor_bytes)
    return 0


def _divide(number: int, by: int) -> int:
    """The quotient, rounded up."""
    return -(-number // by)


@dataclass(frozen=True)
class _Running:
    effects: Effects
    start: int
    finish: int


class Scoreboard:
    """Follows the instructions of a frame through the units."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._issued = 0
        self._free: dict[Unit, int] = {}
        self._running: list[_Running] = []
        self.busy: dict[Unit, int] = {}
        """Cycles of work by unit."""
        self.now = 0
        """When everything issued so far has finished."""

    def add(self, effects: Effects) -> tuple[int, int]:
        """Issues an instruction; returns when it starts and when it has finished."""
        timing = self._timing
        start = self._issued + timing.issue
        work = count_work(effects, timing)
        if effects.unit is None and effects.sources == ():
            start = max(start, self.now)  # WAIT, JUMP and HALT
        elif effects.unit is not None:
            start = max(start, self._free.get(effects.unit, 0))
        if not timing.overlap:
            start = max(start, self.now)
        self._running = [other for other in self._running if other.finish > start]
        least = 0
        for other in self._running:
            start, behind = self._follow(effects, other, start, work)
            least = max(least, behind)
        finish = max(start + work, least)
        self._issued = start
        if effects.unit is not None:
            self._free[effects.unit] = finish
            self.busy[effects.unit] = self.busy.get(effects.unit, 0) + work
            self._running.append(_Running(effects, start, finish))
        self.now = max(self.now, finish)
        return start, finish

    def _follow(self, effects: Effects, other: _Running, start: int, work: int) -> tuple[int, int]:
        """When it may start beside one that runs, and the earliest that it can finish."""
        made = other.effects.result
        in_use = [span for span in (made, *other.effects.sources) if span is not None]
        if _meets(effects.result, in_use):
            return max(start, other.finish), 0
        if made is None or not any(made.overlaps(source) for source in effects.sources):
            return start, 0
        if made not in effects.sources or effects.unit is None:
            return max(start, other.finish), 0
        rows = effects.source_size.height
        first = min(effects.taps[0], rows)
        lead = _divide((other.finish - other.start) * first, rows)
        last = min(effects.taps[0], effects.windows.height)
        tail = _divide(work * last, effects.windows.height)
        return max(start, other.start + lead), other.finish + tail


def _meets(span: Span | None, others: list[Span]) -> bool:
    return span is not None and any(span.overlaps(other) for other in others)
