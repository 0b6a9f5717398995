"""What a build with an accelerator shows at its end."""

from __future__ import annotations

from collections import Counter

from rich.markup import escape

from tinydeploy.accelerated import AcceleratedResult
from tinydeploy.cli.console import show_rows, stdout
from tinydeploy.project.publish import ACCELERATED_REPORT
from tinydeploy.report.accelerated_report import AcceleratedReport, ComparedQualityFacts


def show_accelerated(result: AcceleratedResult, as_json: bool) -> None:
    """Prints the report as JSON, or what a reader wants to know first, in at most 80 columns."""
    report = result.report
    if as_json:
        stdout.print(report.to_json(), end="", soft_wrap=True, markup=False)
        return
    show_rows(
        f"{report.model} on {report.board_title} with {report.accelerator}",
        list_rows(report),
    )
    if result.folder is not None:
        files = (
            f"firmware.elf, .bin, .hex, firmware/, program.tnpu, report.html, {ACCELERATED_REPORT}"
        )
        stdout.print(f"\n{escape(str(result.folder))}: {files}")


def list_rows(report: AcceleratedReport) -> list[tuple[str, str]]:
    """Headings and texts."""
    stays = Counter(layer.op for layer in report.layers if layer.reason)
    share = 100 * report.accelerator_macs / report.macs if report.macs else 0.0
    listed = ", ".join(f"{kind}" + (f" x{n}" if n > 1 else "") for kind, n in stays.items())
    reasons = dict.fromkeys(f"{each.op}: {each.reason}" for each in report.layers if each.reason)
    exact = f"bit-exact with TinyNPU's definition: {report.bytes_compared:,} bytes"
    top1 = "" if report.litert_top1 is None else f", same class {100 * report.litert_top1:.1f} %"
    boxes = (
        ""
        if report.boxes is None
        else (
            f"\n{report.same_boxes} of its {report.litert_boxes} boxes among the {report.boxes} "
            "found, within a pixel"
        )
    )
    height, width = report.camera
    return [
        ("model", f"{report.macs:,} MACs, {share:.1f} % of them on {report.accelerator}"),
        ("stays here", "\n".join([listed, *reasons]) if stays else "nothing"),
        ("program", f"{report.program_bytes:,} bytes"),
        ("flash", f"{report.flash_bytes:,} bytes, the program included"),
        ("RAM", f"{report.ram_bytes:,} bytes"),
        ("camera", f"{width}x{height}, RGB565"),
        (
            "frame",
            f"{report.frame_ms} ms, {report.frames_per_second} per second, in a row",
        ),
        (
            "alone",
            f"prepare {report.prepare_ms} ms, link and {report.accelerator} "
            f"{report.link_and_compute_ms} ms, rest {report.rest_ms} ms",
        ),
        ("accelerator", f"{report.accelerator_ms} ms by its cycle model"),
        (
            "wires",
            f"{report.wires}: {report.wires_ms} ms of a frame, computed",
        ),
        ("energy", f"{report.energy_mj} mJ per frame, a model (docs/tinynpu.md)"),
        ("system", f"emulated, {report.pictures} pictures, {exact}"),
        (
            "LiteRT",
            f"{100 * report.litert_bytes_equal:.1f} % of bytes equal, largest difference "
            f"{report.litert_largest_difference}{top1}{boxes}",
        ),
        *_list_quality(report.quality),
    ]


def _list_quality(quality: ComparedQualityFacts | None) -> list[tuple[str, str]]:
    """How well test samples are answered, by TinyNPU, LiteRT and the float net."""
    if quality is None:
        return []
    nets = [("TinyNPU", quality.tinynpu), ("LiteRT int8", quality.litert)]
    nets += [] if quality.float is None else [("float", quality.float)]
    is_detector = quality.tinynpu.precision is not None
    shares = [
        net.precision.map_50 if net.precision is not None else net.accuracy for _, net in nets
    ]
    text = ", ".join(
        f"{name} {100 * share:.2f} %"
        for (name, _), share in zip(nets, shares, strict=True)
        if share is not None
    )
    return [("mAP@0.5" if is_detector else "accuracy", f"{text}; {quality.samples} samples")]
