"""What a reader wants to know first: the verdict, the figures, what is used of each budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinydeploy.report.build_report import BuildReport
from tinydeploy.report.page.words import (
    list_words,
    show_count,
    show_decibels,
    show_large,
    show_percent,
    show_share,
    show_size,
)


@dataclass(frozen=True)
class Badge:
    """A verdict in a few words."""

    text: str
    good: bool


@dataclass(frozen=True)
class Figure:
    """A number that stands out, and what there is to say of it."""

    title: str
    value: str
    note: str


@dataclass(frozen=True)
class Part:
    """A part of a bar: its share of the bar in percent, and its tone."""

    title: str
    size: str
    percent: float
    tone: str


@dataclass(frozen=True)
class Bar:
    """A budget: what is used of it; without a limit the parts make the whole."""

    title: str
    used: str
    limit: str
    share: str
    over: bool
    parts: tuple[Part, ...]
    unit: str = "bytes"


@dataclass(frozen=True)
class Summary:
    """The head of the page; `links` lead to its sections, by their ids."""

    name: str
    target: str
    badges: tuple[Badge, ...]
    figures: tuple[Figure, ...]
    bars: tuple[Bar, ...]
    regions: tuple[Bar, ...]
    links: tuple[tuple[str, str], ...]


_LINKS = (
    ("memory", "Memory"),
    ("layers", "Layers"),
    ("symbols", "Symbols"),
    ("plans", "Plans"),
    ("ranges", "Quantization"),
    ("quality", "Validation"),
    ("origin", "Build"),
)


def view_summary(report: BuildReport) -> Summary:
    """The head of a report's page."""
    board = report.board
    core = board.cpu.replace("cortex-m", "Cortex-M")
    return Summary(
        name=report.model.name,
        target=f"{board.title} · {core} at {board.clock_hz / 1e6:g} MHz",
        badges=tuple(_badges(report)),
        figures=tuple(_figures(report)),
        bars=tuple(_budgets(report)),
        regions=tuple(
            make_bar(region.name, region.size, [("used", region.used_bytes, "other")])
            for region in report.memory.regions
            if region.used_bytes
        ),
        links=_LINKS,
    )


def _badges(report: BuildReport) -> Iterator[Badge]:
    validation = report.validation
    if validation is not None:
        named = (
            ("host", validation.host),
            ("emulated board", validation.emulator),
            ("board", validation.board),
        )
        places = list_words([f"the {name}" for name, place in named if place is not None])
        if validation.bit_exact:
            yield Badge(f"bit-exact on {places}", good=True)
        else:
            yield Badge("differs from the reference", good=False)
    met = report.budget.met
    yield Badge("within its budgets" if met else "over budget", good=met)


def _figures(report: BuildReport) -> Iterator[Figure]:
    run, memory = report.inference, report.memory
    if run is not None:
        if run.latency_ms_estimated is not None and run.cycles_estimated is not None:
            latency = run.latency_ms_estimated
            note = f"{show_large(run.cycles_estimated)} cycles; no caches, no wait states"
            yield Figure("Latency, estimated", f"{latency:.3g} ms", note)
        per_mac = run.instructions_per_mac
        each = "" if per_mac is None else f"{per_mac:.2f} per MAC, exact"
        yield Figure("Instructions", show_large(run.instructions), each)
    yield Figure("RAM", show_size(memory.ram_bytes), f"{memory.ram_bytes:,} bytes")
    yield Figure("Flash", show_size(memory.flash_bytes), f"{memory.flash_bytes:,} bytes")
    model = report.model
    size = f"{show_large(model.parameters)} parameters"
    yield Figure("MACs", show_large(model.macs), size)
    if report.accuracy is not None:
        accuracy = report.accuracy
        note = f"float {show_percent(accuracy.float)}, {accuracy.samples:,} samples"
        yield Figure("Accuracy, int8", show_percent(accuracy.int8), note)
    elif report.detection is not None:
        found = report.detection
        note = f"{found.objects:,} objects in {found.samples:,} pictures"
        if found.float is not None:
            note = f"float {show_percent(found.float.map_50)}, {note}"
        yield Figure("mAP@0.5, int8", show_percent(found.int8.map_50), note)
    elif report.fidelity is not None and report.fidelity.snr_db is not None:
        fidelity = report.fidelity
        note = f"of the outputs, {fidelity.samples:,} samples"
        yield Figure("SNR to float", f"{show_decibels(fidelity.snr_db)} dB", note)


def _budgets(report: BuildReport) -> Iterator[Bar]:
    memory, budget = report.memory, report.budget
    yield make_bar(
        "Flash",
        budget.flash_bytes,
        [
            ("weights", memory.weights_bytes, "weights"),
            ("code", memory.code_bytes, "code"),
            ("constants", memory.constants_bytes, "constants"),
        ],
    )
    known = memory.arena_bytes + memory.stack_reserved_bytes + memory.static_bytes
    yield make_bar(
        "RAM",
        budget.ram_bytes,
        [
            ("arena", memory.arena_bytes, "arena"),
            ("stack", memory.stack_reserved_bytes, "stack"),
            ("variables", memory.static_bytes, "variables"),
            ("gaps", max(0, memory.ram_bytes - known), "other"),
        ],
    )
    if memory.stack_high_water_bytes is not None:
        used = [("by one inference", memory.stack_high_water_bytes, "stack")]
        yield make_bar("Stack", memory.stack_reserved_bytes, used)


def make_bar(title: str, limit: int, parts: list[tuple[str, int, str]]) -> Bar:
    """A bar of bytes; its parts are (title, bytes, tone)."""
    used = sum(size for _, size, _ in parts)
    scale = 100 / max(limit, used, 1)
    return Bar(
        title=title,
        used=show_count(used),
        limit=show_count(limit),
        share=show_share(used, limit),
        over=used > limit,
        parts=tuple(
            Part(name, show_count(size), round(size * scale, 3), tone)
            for name, size, tone in parts
            if size
        ),
    )
