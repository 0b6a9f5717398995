"""What the page of a build with an accelerator shows besides pictures of time and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from tinydeploy.report.accelerated_report import (
    AcceleratedReport,
    ClassifiedPictureFacts,
    ComparedPictureFacts,
    NetQualityFacts,
)
from tinydeploy.report.page.gallery import Picture, count_boxes, show_picture
from tinydeploy.report.page.summary import Badge, Bar, Figure, Part, Summary, make_bar
from tinydeploy.report.page.words import (
    make_printable,
    short_name,
    show_large,
    show_percent,
    show_shape,
    show_share,
    show_size,
)

_LINKS = (
    ("split", "Split"),
    ("timeline", "Timeline"),
    ("frame", "Frame"),
    ("memory", "Memory"),
    ("symbols", "Symbols"),
    ("quality", "Agreement"),
    ("origin", "Build"),
)


@dataclass(frozen=True)
class PlacedRow:
    """A layer: where it runs, what it became, the cycles these take, or why it stays."""

    index: int
    op: str
    name: str
    full_name: str
    shape: str
    macs: int
    instructions: str
    cycles: int | None
    percent: float
    reason: str


@dataclass(frozen=True)
class QualityRow:
    """A kind of arithmetic, and how well it answers."""

    title: str
    figures: tuple[str, ...]


def view_summary(report: AcceleratedReport) -> Summary:
    """The head of a report's page."""
    return Summary(
        name=report.model,
        target=f"{report.board_title} with {report.accelerator} over {report.link.upper()}",
        badges=(
            Badge(f"bit-exact with {report.accelerator}'s definition", good=True),
            Badge(
                "within its budgets" if report.budget.met else "over budget",
                good=report.budget.met,
            ),
        ),
        figures=tuple(_figures(report)),
        bars=(_flash(report), _ram(report), view_npu_memory(report)),
        regions=tuple(
            make_bar(region.name, region.size, [("used", region.used_bytes, "other")])
            for region in report.host_memory.regions
            if region.used_bytes
        ),
        links=_LINKS,
    )


def _figures(report: AcceleratedReport) -> Iterator[Figure]:
    note = f"{report.frame_ms:.4g} ms each, emulated"
    yield Figure("Frames per second", f"{report.frames_per_second:.4g}", note)
    note = f"{report.accelerator_ms:.4g} ms by its cycle model"
    yield Figure(f"{report.accelerator}, cycles", show_large(report.program.cycles), note)
    share = f"{show_share(report.accelerator_macs, report.macs)} on {report.accelerator}"
    yield Figure("MACs", show_large(report.macs), share)
    yield Figure("RAM", show_size(report.ram_bytes), f"{report.ram_bytes:,} bytes")
    yield Figure("Flash", show_size(report.flash_bytes), f"{report.flash_bytes:,} bytes")
    yield Figure("Energy of a frame", f"{report.energy_mj:.3g} mJ", "a model, see Frame")
    quality = report.quality
    if quality is None:
        return
    ours, official = quality.tinynpu, quality.litert
    samples = f"{quality.samples:,} samples"
    if ours.accuracy is not None and official.accuracy is not None:
        note = f"LiteRT int8 {show_percent(official.accuracy)}, {samples}"
        yield Figure("Accuracy", show_percent(ours.accuracy), note)
    if ours.precision is not None and official.precision is not None:
        note = f"LiteRT int8 {show_percent(official.precision.map_50)}, {samples}"
        yield Figure("mAP@0.5", show_percent(ours.precision.map_50), note)


def _flash(report: AcceleratedReport) -> Bar:
    memory = report.host_memory
    parts = [
        ("program", memory.program_bytes, "arena"),
        ("weights", memory.weights_bytes, "weights"),
        ("code", memory.code_bytes, "code"),
        ("constants", memory.constants_bytes, "constants"),
    ]
    return make_bar("Flash", report.budget.flash_bytes, parts)


def _ram(report: AcceleratedReport) -> Bar:
    memory = report.host_memory
    known = memory.arena_bytes + memory.stack_reserved_bytes + memory.static_bytes
    parts = [
        ("arena", memory.arena_bytes, "arena"),
        ("stack", memory.stack_reserved_bytes, "stack"),
        ("variables and pictures", memory.static_bytes, "variables"),
        ("gaps", max(0, report.ram_bytes - known), "other"),
    ]
    return make_bar("RAM", report.budget.ram_bytes, parts)


def view_npu_memory(report: AcceleratedReport) -> Bar:
    """The accelerator's own memory."""
    program = report.program
    parts = [
        ("code", program.code_bytes, "code"),
        ("weights and tables", program.constants_bytes, "weights"),
        ("feature maps", program.features_bytes, "arena"),
    ]
    return make_bar(f"{report.accelerator}'s memory", program.memory_bytes, parts)


def view_stages(report: AcceleratedReport) -> tuple[Bar, ...]:
    """A picture alone, one stage behind the other; then what works how long while frames follow."""
    accelerator = min(report.accelerator_ms, report.link_and_compute_ms)
    alone = [
        ("prepare", report.prepare_ms, "code"),
        ("link", report.link_and_compute_ms - accelerator, "constants"),
        (report.accelerator, accelerator, "arena"),
        ("rest", report.rest_ms, "weights"),
    ]
    core = report.prepare_ms + report.rest_ms
    return (
        _time_bar("One picture alone", None, alone),
        *(
            _time_bar(title, report.frame_ms, [("", busy, tone)])
            for title, busy, tone in (
                ("In a row: the core, prepare and rest", core, "code"),
                ("In a row: the wires, computed", report.wires_ms, "constants"),
                (f"In a row: {report.accelerator}", report.accelerator_ms, "arena"),
            )
        ),
    )


def _time_bar(title: str, limit: float | None, parts: list[tuple[str, float, str]]) -> Bar:
    used = sum(part for _, part, _ in parts)
    scale = 100 / max(limit or 0.0, used, 1e-9)
    return Bar(
        title=title,
        used=f"{used:.3f}",
        limit="" if limit is None else f"{limit:.3f}",
        share="" if limit is None else show_share(min(used, limit), limit),
        over=False,
        parts=tuple(
            Part(name, f"{part:.3f} ms" if name else "", round(part * scale, 3), tone)
            for name, part, tone in parts
        ),
        unit="ms",
    )


def view_layers(report: AcceleratedReport) -> tuple[PlacedRow, ...]:
    """Where each layer runs."""
    steps = report.program.instructions
    cycles = [
        sum(steps[number].finish - steps[number].start for number in layer.instructions)
        for layer in report.layers
    ]
    most = max(cycles, default=0)
    return tuple(
        PlacedRow(
            index=layer.index,
            op=layer.op,
            name=short_name(layer.name),
            full_name=make_printable(layer.name),
            shape=show_shape(layer.output_shape),
            macs=layer.macs,
            instructions=" ".join(steps[number].name for number in layer.instructions),
            cycles=None if layer.reason else taken,
            percent=round(100 * taken / most, 1) if most else 0.0,
            reason=make_printable(layer.reason),
        )
        for layer, taken in zip(report.layers, cycles, strict=True)
    )


def view_quality(report: AcceleratedReport) -> tuple[tuple[str, ...], tuple[QualityRow, ...]]:
    """Headings and rows of the table of what is right; nothing where nobody knows."""
    quality = report.quality
    if quality is None:
        return (), ()
    nets = (
        ("float", quality.float),
        ("LiteRT int8", quality.litert),
        (f"{report.accelerator} and microcontroller", quality.tinynpu),
    )
    rows = [QualityRow(title, _list_figures(net)) for title, net in nets if net is not None]
    right = quality.tinynpu.precision is None
    return ("right classes",) if right else ("mAP@0.5", "mAP@[0.5, 0.95]"), tuple(rows)


def _list_figures(net: NetQualityFacts) -> tuple[str, ...]:
    if net.precision is not None:
        return show_percent(net.precision.map_50), show_percent(net.precision.map_50_95)
    return ("" if net.accuracy is None else show_percent(net.accuracy),)


def view_pictures(report: AcceleratedReport, files: Mapping[str, bytes]) -> tuple[Picture, ...]:
    """Some of the pictures that went through the emulated system."""
    shown: list[ClassifiedPictureFacts | ComparedPictureFacts] = [
        *report.classified,
        *report.detected,
    ]
    views = []
    for number, picture in enumerate(shown):
        title = f"Picture {number}"
        if isinstance(picture, ClassifiedPictureFacts):
            title += f": {picture.right}" if picture.right else ""
            lines = [
                f"{net}: " + ", ".join(f"{each.label} ({each.score:.2f})" for each in scores)
                for net, scores in (
                    (report.accelerator, picture.tinynpu),
                    ("LiteRT", picture.litert),
                )
            ]
        else:
            lines = [
                count_boxes("LiteRT int8", picture.litert),
                count_boxes(report.accelerator, picture.tinynpu),
            ]
        views.append(show_picture(files, picture.file, title, lines))
    return tuple(chain.from_iterable(views))
