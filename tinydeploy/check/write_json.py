"""The outcome of a check as JSON; check.schema.json, beside this file, is its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tinydeploy import __version__
from tinydeploy.check.blame import LayerChange
from tinydeploy.check.facts import describe_status, list_rows
from tinydeploy.check.figures import LayerFigures
from tinydeploy.check.judge import Finding
from tinydeploy.check.results import CheckResult, TargetResult
from tinydeploy.report.build_report import to_json

SCHEMA: Final = "tinydeploy-check-1"
SCHEMA_FILE: Final = Path(__file__).with_name("check.schema.json")


def write_json(check: CheckResult) -> str:
    """The text of the file."""
    content = {
        "schema": SCHEMA,
        "tinydeploy": __version__,
        "config": str(check.config.path),
        "baseline_updated": check.updated,
        "exit_code": check.exit_code,
        "stages": {
            "run": sum(result.stages_run for result in check.results),
            "reused": sum(result.stages_reused for result in check.results),
        },
        "targets": [_target(result) for result in check.results],
    }
    return to_json(content)


def _target(result: TargetResult) -> dict[str, Any]:
    error, target = result.error, result.target
    return {
        "name": target.name,
        "model": target.request.model,
        "board": target.request.board,
        "compiler": None if result.figures is None else result.figures.compiler,
        "line": target.lines[""],
        "status": describe_status(result),
        "exit_code": result.exit_code,
        "error": None
        if error is None
        else {"message": error.message, "hint": error.hint, "exit_code": error.exit_code},
        "figures": {
            row.resource.name: {
                "value": row.value,
                "baseline": row.before,
                "limits": [limit.text for limit in row.limits],
                "met": not row.missed,
            }
            for row in list_rows(result)
        },
        "findings": [_finding(finding) for finding in result.findings],
        "layers": [_change(change) for change in result.changes],
        "notes": list(result.notes),
        "stages": {"run": result.stages_run, "reused": result.stages_reused},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    blame = finding.blame
    return {
        "resource": finding.resource.name,
        "limit": finding.limit.text,
        "line": finding.line,
        "value": finding.value,
        "bound": finding.bound,
        "baseline": finding.baseline,
        "message": finding.message,
        "layer": None if blame is None or blame.layer is None else _layer(blame.layer),
        "blame": None if blame is None else blame.text,
        "peak": [] if blame is None else list(blame.tensors),
    }


def _change(change: LayerChange) -> dict[str, Any]:
    what = "gone" if change.now is None else "new" if change.before is None else "changed"
    fields = ("flash", "live", "instructions")
    return {**_layer(change.layer), "what": what, **{f: change.delta(f) for f in fields}}


def _layer(layer: LayerFigures) -> dict[str, Any]:
    return {"index": layer.index, "name": layer.name, "op": layer.op}
