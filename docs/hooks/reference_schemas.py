"""The page of the JSON schemas: every entry with its type."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinydeploy.check.write_json import SCHEMA_FILE as CHECK_SCHEMA
from tinydeploy.report.build_report import SCHEMA_FILE as REPORT_SCHEMA

_INTRO = """\
# JSON schemas

Made from the schemas that files are tested with, `tinydeploy/report/report.schema.json` and
`tinydeploy/check/check.schema.json`. What the entries mean: [report.json](../report.md),
[check.json](../ci.md#checkjson).
"""
_FILES: Mapping[str, Path] = {"report.json": REPORT_SCHEMA, "check.json": CHECK_SCHEMA}


def write_schemas() -> str:
    """The page."""
    lines = [_INTRO]
    for name, path in _FILES.items():
        schema = json.loads(path.read_text(encoding="utf-8"))
        rows = [f"| `{entry}` | {_type(each)} |" for entry, each in list_entries(schema, schema)]
        lines += [f"## {name}", "", "| entry | type |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def list_entries(
    schema: Mapping[str, Any], root: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Entries below a schema, depth first: `layers[].name`, `figures.*.value`."""
    schema = _resolve(schema, root)
    for name, each in schema.get("properties", {}).items():
        where = f"{path}.{name}" if path else name
        yield where, _resolve(each, root)
        yield from list_entries(each, root, where)
    if isinstance(schema.get("items"), dict):
        yield from list_entries(schema["items"], root, f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from list_entries(schema["additionalProperties"], root, f"{path}.*")
    for each in schema.get("anyOf", schema.get("oneOf", ())):
        yield from list_entries(each, root, path)


def _resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        place: Any = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        schema = place
    return schema


def _type(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if choices := schema.get("anyOf", schema.get("oneOf")):
        return " or ".join(dict.fromkeys(_type(each) for each in choices))
    kind = schema.get("type", "")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
