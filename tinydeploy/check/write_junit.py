"""The outcome of a check as JUnit XML: a suite per target, a case for its build and per limit."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from tinydeploy.check.facts import list_rows
from tinydeploy.check.judge import Finding
from tinydeploy.check.limits import RESOURCES
from tinydeploy.check.results import CheckResult, TargetResult

# What XML 1.0 cannot say, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(check: CheckResult) -> str:
    """The text of the file."""
    root = Element("testsuites", name="tinydeploy check")
    for result in check.results:
        _suite(root, result, str(check.config.path))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(root: Element, result: TargetResult, file: str) -> None:
    suite = SubElement(root, "testsuite", name=_clean(result.target.name))
    build = _case(suite, result, "builds and equals the reference", file)
    if result.error is not None:
        kind = "failure" if result.error.exit_code == 3 else "error"
        _outcome(build, kind, result.error.message, result.error.hint)
    measured = {row.resource.name for row in list_rows(result)}
    for name, limits in result.target.limits.items():
        for limit in limits:
            side = "at most" if RESOURCES[name].most else "at least"
            case = _case(suite, result, f"{name} {side} {limit.text}", file)
            missed = [finding for finding in result.findings if finding.limit is limit]
            if missed:
                _outcome(case, "failure", missed[0].message, _explain(missed[0], file))
            elif name not in measured:
                _outcome(case, "skipped", "not measured")
    cases = list(suite)
    suite.set("tests", str(len(cases)))
    for kind, key in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(key, str(sum(case.find(kind) is not None for case in cases)))


def _case(suite: Element, result: TargetResult, name: str, file: str) -> Element:
    target = _clean(result.target.name)
    return SubElement(
        suite, "testcase", classname=f"tinydeploy.{target}", name=_clean(name), file=_clean(file)
    )


def _outcome(case: Element, kind: str, message: str, text: str = "") -> None:
    child = SubElement(case, kind, message=_clean(message))
    if kind != "skipped":
        child.set("type", "budget" if kind == "failure" else "build")
    child.text = _clean(text)


def _explain(finding: Finding, file: str) -> str:
    lines = [f"{file}, line {finding.line}"]
    if finding.blame is not None:
        lines += [finding.blame.text, *finding.blame.tensors]
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)
