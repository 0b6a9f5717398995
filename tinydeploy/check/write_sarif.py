"""The outcome of a check as SARIF 2.1.0: at the line of tinydeploy.toml, and at the layer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tinydeploy import __version__
from tinydeploy.check.facts import list_problems
from tinydeploy.check.judge import Finding
from tinydeploy.check.limits import RESOURCES
from tinydeploy.check.results import CheckResult, TargetResult
from tinydeploy.check.store import make_key

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_BUILD = "build"


def write_sarif(check: CheckResult) -> str:
    """The text of the file."""
    rules = [_BUILD, *RESOURCES]
    results = [
        _result(result, finding, line, text, rules, _uri(check.config.path))
        for result in check.results
        for finding, line, text in list_problems(result)
    ]
    driver = {
        "name": "tinydeploy",
        "version": __version__,
        "rules": [_rule(name) for name in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "Where the check ran."}}},
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(name: str) -> dict[str, Any]:
    if name == _BUILD:
        text = "The target builds, and its outputs equal the reference."
        return {"id": name, "name": "TargetBuilds", "shortDescription": {"text": text}}
    resource = RESOURCES[name]
    return {
        "id": name,
        "name": "".join(part.title() for part in f"{name}_budget".split("_")),
        "shortDescription": {"text": f"The target keeps to its budget of {resource.title}."},
    }


def _result(
    result: TargetResult, finding: Finding | None, line: int, text: str, rules: list[str], uri: str
) -> dict[str, Any]:
    name = result.target.name
    rule = _BUILD if finding is None else finding.resource.name
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "uriBaseId": "SRCROOT"},
            "region": {"startLine": line},
        }
    }
    logical = {"name": name, "fullyQualifiedName": name, "kind": "module"}
    layer = None if finding is None or finding.blame is None else finding.blame.layer
    if layer is not None:
        logical = {
            "name": layer.name or layer.title,
            "fullyQualifiedName": f"{name}/{layer.index}/{layer.name or layer.op}",
            "kind": "element",
        }
    place["logicalLocations"] = [logical]
    limit = "" if finding is None else finding.limit.text
    return {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": "error",
        "message": {"text": f"{name}: {text}."},
        "locations": [place],
        "partialFingerprints": {"targetAndLimit/v1": make_key(name, rule, limit)},
    }


def _uri(path: Path) -> str:
    """Relative to the current folder: a check runs at the root of the repository."""
    return quote(Path(os.path.relpath(path)).as_posix())
