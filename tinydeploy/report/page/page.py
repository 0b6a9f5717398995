"""The page of one build."""

from __future__ import annotations

import json

from tinydeploy.report.build_report import BuildReport
from tinydeploy.report.page.confusion import view_confusion
from tinydeploy.report.page.layer_table import view_layers
from tinydeploy.report.page.memory_map import view_memory
from tinydeploy.report.page.plan_choice import view_plans
from tinydeploy.report.page.range_table import view_ranges
from tinydeploy.report.page.render import render_page
from tinydeploy.report.page.summary import view_summary
from tinydeploy.report.page.symbol_table import view_symbols
from tinydeploy.report.read_report import read_record


def write_page(report: BuildReport) -> str:
    """The text of report.html: one file that needs nothing besides; same report, same bytes.

    Times are left out of it, so that a build that is repeated makes the same page.
    """
    # As report.json says it, without infinite figures: a build's page is the one of its file.
    report = read_record(BuildReport, json.loads(report.to_json()))
    return render_page(
        "report.html.j2",
        report=report,
        summary=view_summary(report),
        memory=view_memory(report),
        layers=view_layers(report),
        symbols=view_symbols(report),
        plans=view_plans(report),
        ranges=view_ranges(report),
        confusion=view_confusion(report),
    )
