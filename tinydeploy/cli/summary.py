"""The table at the end of a build."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.markup import escape

from tinydeploy.bundle.make_bundle import BUNDLE
from tinydeploy.cli.console import show_rows, stdout
from tinydeploy.pipeline import BuildResult
from tinydeploy.plan.alternatives import Alternative
from tinydeploy.report.build_report import BuildReport, PlaceFacts, PlanFacts

_MEGA_FROM = 100_000  # instructions, from which on they are shown in millions


def show_result(result: BuildResult, as_json: bool, *, verbose: bool = False) -> None:
    """Prints the report as JSON, or what a reader wants to know first, in at most 80 columns."""
    if as_json:
        stdout.print(result.report.to_json(), end="", soft_wrap=True, markup=False)
        return
    _show_summary(result)
    if verbose:
        stdout.print(f"\n{list_layers(result.report)}", markup=False, soft_wrap=True)


def list_layers(report: BuildReport) -> str:
    """A table of the layers that run, with what each costs, and the peak in words."""
    heads = f"{'MACs':>12}{'instructions':>14}{'/MAC':>7}{'flash':>9}{'live':>9}"
    lines = [f"{'layer':>5} {'operator':<22}{heads}"]
    for layer in report.layers:
        count = layer.instructions
        cost = "" if count is None else f"{count:,}"
        each = "" if count is None or not layer.macs else f"{count / layer.macs:.2f}"
        figures = (
            f"{layer.macs:>12,}{cost:>14}{each:>7}{layer.flash_bytes:>9,}{layer.live_bytes:>9,}"
        )
        lines.append(f"{layer.index:>5} {layer.op[:21]:<22}{figures}")
    lines.append("flash: of this layer alone; live: bytes of RAM while it runs")
    return "\n".join([*lines, *textwrap.wrap(report.memory.peak.text, 80)])


def list_plans(plans: Sequence[Alternative]) -> str:
    """A table of plans; an arrow points at the one that is built."""
    heads = f"{'arena':>10}{'outside':>9}{'lower bound':>12}{'instructions':>13}{'cycles':>13}"
    lines = [f"  {'plan':<20}{heads}"]
    for plan in plans:
        mark = ">" if plan.chosen else " "
        ram = f"{plan.arena_bytes:>10,}{plan.input_bytes:>9,}{plan.lower_bound_bytes:>12,}"
        speed = f"{plan.instructions:>13,}{plan.cycles:>13,}"
        lines.append(f"{mark} {plan.name:<20}{ram}{speed}")
    lines += [f"  {plan.name}: {plan.extra_macs:,} more MACs" for plan in plans if plan.extra_macs]
    return "\n".join(lines)


def _show_summary(result: BuildResult) -> None:
    report, folder = result.report, result.folder
    show_rows(
        f"{report.model.name} on {report.board.title} ({report.board.cpu.title()})",
        _rows(report),
    )
    if folder is not None:
        more = "" if result.chosen_format == "cmake" else f"{result.chosen_format}/, "
        more += f"{BUNDLE}, " if (folder / BUNDLE).is_file() else ""
        files = f"firmware.elf, .bin, .hex, firmware/, {more}report.html, .json, plan.svg"
        stdout.print(f"\n{escape(str(folder))}: {files}")


def _rows(report: BuildReport) -> list[tuple[str, str]]:
    memory, run = report.memory, report.inference
    rows = [
        ("model", f"{report.model.macs:,} MACs, {report.model.parameters:,} parameters"),
        (
            "flash",
            f"{memory.flash_bytes:,} of {report.budget.flash_bytes:,} bytes\n"
            f"weights {memory.weights_bytes:,}, code {memory.code_bytes:,}, "
            f"constants {memory.constants_bytes:,}",
        ),
        (
            "RAM",
            f"{memory.ram_bytes:,} of {report.budget.ram_bytes:,} bytes\n"
            f"arena {memory.arena_bytes:,}, stack {memory.stack_reserved_bytes:,}, "
            f"variables {memory.static_bytes:,}",
        ),
    ]
    outside = f"{memory.input_bytes:,} of the variables"
    if memory.input_form == "kept":
        rows.append(("input", f"kept, in a buffer outside the arena, {outside}"))
    elif memory.input_form == "rows":
        rows.append(("input", f"row by row, through a line buffer, {outside}"))
    if run is not None:
        per_mac = "" if run.instructions_per_mac is None else f" ({run.instructions_per_mac}/MAC)"
        push = run.longest_push_instructions
        longest = "" if push is None else f"\n{push:,} for the longest push of a row"
        count = run.detection_instructions
        boxes = "" if count is None else f"\n{count:,} to read boxes from the outputs"
        rows.append(("inference", f"{run.instructions:,} instructions{per_mac}{longest}{boxes}"))
        rows.append(
            (
                "estimate",
                f"at least {run.cycles_estimated:,} cycles, {run.latency_ms_estimated} ms at "
                f"{report.board.clock_hz // 1_000_000} MHz\nno caches, no wait states",
            )
        )
        rows.append(("stack", f"{memory.stack_high_water_bytes:,} bytes used by inference"))
    if len(report.plans) > 1:
        rows.append(("plans", "\n".join(map(_plan, report.plans))))
    if report.accuracy is not None:
        rows.append(
            (
                "accuracy",
                f"int8 {100 * report.accuracy.int8:.2f} %, float "
                f"{100 * report.accuracy.float:.2f} %, {report.accuracy.samples} samples",
            )
        )
    if report.detection is not None:
        found = report.detection
        exact = "" if found.float is None else f", float {100 * found.float.map_50:.2f} %"
        counts = f"{found.samples} pictures, {found.objects} objects"
        rows.append(("mAP@0.5", f"int8 {100 * found.int8.map_50:.2f} %{exact}, {counts}"))
    if report.fidelity is not None and report.fidelity.snr_db is not None:
        fidelity = report.fidelity
        agreements = [
            f"top-{k} {100 * share:.1f} %"
            for k, share in ((1, fidelity.top1_agreement), (5, fidelity.top5_agreement))
            if share is not None
        ]
        same = f"\nsame class as float: {', '.join(agreements)}" if agreements else ""
        close = f"SNR {fidelity.snr_db:.1f} dB, cosine {fidelity.cosine:.4f}"
        rows.append(("fidelity", f"{close}, {fidelity.samples} samples{same}"))
    if report.validation is not None:
        places = [("host", report.validation.host), ("emulator", report.validation.emulator)]
        exact = "bit-exact" if report.validation.bit_exact else "DIFFERENT"
        lines = [exact, *(_place(name, place) for name, place in places if place)]
        rows.append(("validation", "\n".join(lines)))
    return rows


def _plan(plan: PlanFacts) -> str:
    outside = f" + {plan.input_bytes:,} outside" if plan.input_bytes else ""
    count = plan.instructions_estimated
    cost = f"~{count / 1e6:.3g} M" if count >= _MEGA_FROM else f"~{float(f'{count:.3g}'):,.0f}"
    extra = f", {plan.extra_macs:,} more MACs" if plan.extra_macs else ""
    return f"{plan.name}: {plan.arena_bytes:,} bytes{outside}, {cost} instructions{extra}"


def _place(name: str, place: PlaceFacts) -> str:
    return f"{name}: {place.bytes_compared:,} bytes of {place.vectors} vectors compared"
