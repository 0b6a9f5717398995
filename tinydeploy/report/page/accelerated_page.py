"""The page of one build with an accelerator."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tinydeploy.report.accelerated_report import AcceleratedReport
from tinydeploy.report.page.npu_timeline import view_timeline
from tinydeploy.report.page.npu_views import (
    view_layers,
    view_pictures,
    view_quality,
    view_stages,
    view_summary,
)
from tinydeploy.report.page.origin import Fact, frame_origin
from tinydeploy.report.page.render import render_page
from tinydeploy.report.page.symbol_table import view_symbols
from tinydeploy.report.read_report import read_record


def write_accelerated_page(report: AcceleratedReport, pictures: Mapping[str, bytes]) -> str:
    """The text of report.html: one file that needs nothing besides; same report, same bytes.

    Args:
        report: Of a build with an accelerator.
        pictures: PNG files that it names; those that are missing are left out.
    """
    # As npu_report.json says it: a build's page is the one of its file.
    report = read_record(AcceleratedReport, json.loads(report.to_json()))
    memory = report.host_memory
    titles, rows = view_quality(report)
    facts = (
        Fact("model", report.source),
        Fact("int8 file", "SHA-256", report.tflite_sha256),
        Fact("program.tnpu", f"{report.program_bytes:,} bytes, CRC-32", report.program.identity),
        Fact("firmware.bin", "SHA-256", report.origin.firmware_sha256),
        Fact("board", f"{report.board}: {report.board_title}"),
    )
    return render_page(
        "accelerated.html.j2",
        report=report,
        summary=view_summary(report),
        layers=view_layers(report),
        timeline=view_timeline(report),
        stages=view_stages(report),
        symbols=view_symbols(
            memory.symbols,
            report.model,
            flash=report.flash_bytes,
            ram=report.ram_bytes,
            stack=memory.stack_reserved_bytes,
        ),
        quality_titles=titles,
        quality_rows=rows,
        pictures=view_pictures(report, pictures),
        origin=frame_origin(report.origin, report.tinydeploy, report.compiler, facts),
        file="npu_report.json",
    )
