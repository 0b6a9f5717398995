"""The page of one build."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain

from tinydeploy.report.build_report import BuildReport
from tinydeploy.report.page.confusion import view_confusion
from tinydeploy.report.page.gallery import Picture, count_boxes, show_picture
from tinydeploy.report.page.layer_table import view_layers
from tinydeploy.report.page.memory_map import view_memory
from tinydeploy.report.page.origin import view_origin
from tinydeploy.report.page.plan_choice import view_plans
from tinydeploy.report.page.range_table import view_ranges
from tinydeploy.report.page.render import render_page
from tinydeploy.report.page.summary import view_summary
from tinydeploy.report.page.symbol_table import view_symbols
from tinydeploy.report.read_report import read_record


def write_page(report: BuildReport, pictures: Mapping[str, bytes] | None = None) -> str:
    """The text of report.html: one file that needs nothing besides; same report, same bytes.

    Args:
        report: Of a build.
        pictures: PNG files that it names; those that are missing are left out.

    Times are left out of it, so that a build that is repeated makes the same page.
    """
    # As report.json says it, without infinite figures: a build's page is the one of its file.
    report = read_record(BuildReport, json.loads(report.to_json()))
    memory = report.memory
    return render_page(
        "report.html.j2",
        report=report,
        summary=view_summary(report),
        memory=view_memory(report),
        layers=view_layers(report),
        symbols=view_symbols(
            memory.symbols,
            report.model.name,
            flash=memory.flash_bytes,
            ram=memory.ram_bytes,
            stack=memory.stack_reserved_bytes,
        ),
        plans=view_plans(report),
        ranges=view_ranges(report),
        confusion=view_confusion(report),
        pictures=view_pictures(report, pictures or {}),
        origin=view_origin(report),
        file="report.json",
    )


def view_pictures(report: BuildReport, files: Mapping[str, bytes]) -> tuple[Picture, ...]:
    """What a detector finds in some test pictures."""
    shown = () if report.detection is None else report.detection.pictures
    views = []
    for number, picture in enumerate(shown):
        lines = [] if picture.float is None else [count_boxes("float", picture.float)]
        lines.append(count_boxes("int8", picture.int8))
        views.append(show_picture(files, picture.file, f"Test picture {number}", lines))
    return tuple(chain.from_iterable(views))
