"""What a check writes, read by the programs that it is for."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from pathlib import Path

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from sarif_pydantic import Sarif

from tests.check.fake_builds import fake_builds
from tests.check.sample import write_config
from tests.programs import require_file
from tinydeploy.check.config import load_config
from tinydeploy.check.results import CheckResult
from tinydeploy.check.run import check_targets
from tinydeploy.check.write_json import SCHEMA_FILE, write_json
from tinydeploy.check.write_junit import write_junit
from tinydeploy.check.write_markdown import MARKER, write_markdown
from tinydeploy.check.write_sarif import write_sarif
from tinydeploy.check.write_text import write_text

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))

TEXT = """\
[defaults]
board = "stm32h743"
[targets.wide]
model = "wide.tflite"
budget = { ram = ["1 MB", "+1 %"], instructions = "+1 %", accuracy = 0.9 }
[targets.good]
model = "good.tflite"
budget.flash = "+0"
[targets.odd]
model = "odd.tflite"
[targets.wrong]
model = "wrong.tflite"
"""


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CheckResult:
    """A widened layer, a good target, one that cannot be built, one that differs."""
    fake_builds(monkeypatch, tmp_path / "cache")
    (tmp_path / "nets").mkdir()
    monkeypatch.chdir(tmp_path)
    path = write_config(tmp_path / "nets", TEXT)
    for name, model in (("wide", "3 8 8 8 4"), ("good", "3 8 4"), ("odd", "3 4"), ("wrong", "3 5")):
        (tmp_path / "nets" / f"{name}.tflite").write_text(model, encoding="utf-8")
    config = load_config(path)
    check_targets(config, config.targets, update_baseline=True)
    (tmp_path / "nets" / "wide.tflite").write_text("3 8 32 8 4", encoding="utf-8")
    (tmp_path / "nets" / "odd.tflite").write_text("odd", encoding="utf-8")
    (tmp_path / "nets" / "wrong.tflite").write_text("wrong", encoding="utf-8")
    config = load_config(Path("nets/tinydeploy.toml"))
    return check_targets(config, config.targets)


def spoil(outcome: CheckResult) -> CheckResult:
    """The same with layers whose names would break what they are put into."""
    name = "\x1b[2J]]></failure>|`@team`<script>\ud800\x00\n# x"
    results = []
    for result in outcome.results:
        findings = [
            dataclasses.replace(f, blame=dataclasses.replace(
                f.blame, layer=dataclasses.replace(f.blame.layer, name=name), tensors=(name,)
            )) if f.blame and f.blame.layer else f
            for f in result.findings
        ]  # fmt: skip
        changes = [
            dataclasses.replace(c, now=dataclasses.replace(c.now, name=name)) if c.now else c
            for c in result.changes
        ]
        results.append(
            dataclasses.replace(result, findings=tuple(findings), changes=tuple(changes))
        )
    return dataclasses.replace(outcome, results=tuple(results))


def test_json_keeps_to_its_schema_and_names_the_layer(outcome: CheckResult) -> None:
    content = json.loads(write_json(outcome))
    VALIDATOR.validate(content)
    VALIDATOR.validate(json.loads(write_json(spoil(outcome))))
    assert content["exit_code"] == 4
    wide, good, odd, wrong = content["targets"]
    assert [t["exit_code"] for t in (wide, good, odd, wrong)] == [3, 0, 1, 4]
    findings = {finding["resource"]: finding for finding in wide["findings"]}
    assert set(findings) == {"ram", "instructions", "accuracy"}
    for resource in ("ram", "instructions"):
        assert findings[resource]["layer"] == {"index": 1, "name": "conv1", "op": "CONV_2D"}
    assert findings["accuracy"]["layer"] is None
    assert findings["ram"]["value"] > findings["ram"]["bound"] > findings["ram"]["baseline"]
    assert wide["figures"]["ram"]["limits"] == ["1 MB", "+1 %"]
    assert any(layer["name"] == "conv1" and layer["what"] == "changed" for layer in wide["layers"])
    assert good["layers"] == []
    assert odd["error"]["message"] == "an operator that is none"


@pytest.mark.parametrize(
    ("path", "value"), [("schema", "x"), ("exit_code", 7), ("targets", {}), ("extra", 1)]
)
def test_the_schema_refuses(outcome: CheckResult, path: str, value: object) -> None:
    content = json.loads(write_json(outcome))
    content[path] = value
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(content)


def test_junit_is_read_by_its_readers(outcome: CheckResult) -> None:
    suites = {suite.name: suite for suite in JUnitXml.fromstring(write_junit(outcome).encode())}
    assert list(suites) == ["wide", "good", "odd", "wrong"]
    wide = {case.name: case for case in suites["wide"]}
    assert list(wide) == [
        "builds and equals the reference",
        "ram at most 1 MB",
        "ram at most +1 %",
        "instructions at most +1 %",
        "accuracy at least 0.9",
    ]
    assert [bool(case.result) for case in wide.values()] == [False, False, True, True, True]
    (failure,) = wide["ram at most +1 %"].result
    assert isinstance(failure, Failure)
    assert "layer 1 (CONV_2D conv1)" in failure.text
    assert "line 5" in failure.text
    assert suites["wide"].failures == 3
    (error,) = next(iter(suites["odd"])).result
    assert isinstance(error, Error)
    assert error.message == "an operator that is none"
    xml = JUnitXml.fromstring(write_junit(spoil(outcome)).encode())
    assert (xml.tests, xml.failures, xml.errors) == (9, 3, 2)


def test_limits_that_were_not_measured_are_skipped(outcome: CheckResult) -> None:
    config = outcome.config
    result = check_targets(config, config.targets[:1], emulate=False)
    (suite,) = JUnitXml.fromstring(write_junit(result).encode())
    (skipped,) = next(c for c in suite if c.name.startswith("instructions")).result
    assert isinstance(skipped, Skipped)
    assert suite.skipped == 1


def test_sarif_points_at_the_layer_and_at_the_line(outcome: CheckResult) -> None:
    (run,) = Sarif.model_validate_json(write_sarif(outcome)).runs
    assert run.tool.driver.name == "tinydeploy"
    rules = [rule.id for rule in run.tool.driver.rules or []]
    found = run.results or []
    assert [r.rule_id for r in found] == ["ram", "instructions", "accuracy", "build", "build"]
    for result in found:
        assert rules[result.rule_index or 0] == result.rule_id
        (location,) = result.locations or []
        physical = location.physical_location
        assert physical is not None
        assert physical.artifact_location.uri == "nets/tinydeploy.toml"
        assert physical.region is not None
        name = str(result.message.text).partition(":")[0]
        assert physical.region.start_line == {"wide": 5, "odd": 9, "wrong": 11}[name]
    for result in found[:2]:
        (location,) = result.locations or []
        (logical,) = location.logical_locations or []
        assert logical.name == "conv1"
        assert logical.fully_qualified_name == "wide/1/conv1"
        assert "layer 1 (CONV_2D conv1) went from 1x4x4x8 to 1x4x4x32" in str(result.message.text)


def test_sarif_keeps_to_its_schema(outcome: CheckResult) -> None:
    path = require_file(Path(sys.prefix) / "share" / "sarif-2.1.0.schema.json")
    schema = json.loads(path.read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    found = json.loads(write_sarif(outcome))
    assert [error.message for error in validator.iter_errors(found)] == []
    found["runs"][0]["results"][0]["level"] = "grave"
    assert not validator.is_valid(found)


def test_sarif_uses_no_key_that_its_reader_does_not_know(outcome: CheckResult) -> None:
    odd: set[str] = set()

    def visit(model: object) -> None:
        if isinstance(model, list):
            for each in model:
                visit(each)
        elif hasattr(model, "model_extra"):
            odd.update(model.model_extra or {})
            for field in type(model).model_fields:
                visit(getattr(model, field))

    visit(Sarif.model_validate_json(write_sarif(outcome)))
    # Of the standard, sections 3.14.17, 3.14.14 and 3.27.17.
    assert odd <= {"columnKind", "originalUriBaseIds", "partialFingerprints"}


def test_fingerprints_outlive_other_figures(outcome: CheckResult) -> None:
    def prints(check: CheckResult) -> list[str]:
        results = json.loads(write_sarif(check))["runs"][0]["results"]
        return [r["partialFingerprints"]["targetAndLimit/v1"] for r in results]

    assert prints(outcome) == prints(spoil(outcome))
    assert len(set(prints(outcome))) == 5


def test_markdown_is_a_comment_with_the_difference(outcome: CheckResult) -> None:
    text = write_markdown(outcome)
    assert text.startswith(MARKER)
    assert "| RAM |" in text
    assert "| ❌ |" in text
    assert "layer 1 (CONV\\_2D conv1) went from 1x4x4x8 to 1x4x4x32" in text
    assert "| layer 1 (CONV\\_2D conv1) |  | +192 | +384 | +3,840 |" in text
    assert "differs from the reference" in text
    bad = write_markdown(spoil(outcome))
    assert "@team" not in bad
    assert "<script" not in bad
    assert "\n# x" not in bad
    assert bad.count("\n|") == text.count("\n|")


def test_markdown_is_no_longer_than_a_comment_may_be(outcome: CheckResult) -> None:
    many = dataclasses.replace(outcome, results=outcome.results * 40)
    without_layers = write_markdown(many)
    assert 30_000 < len(without_layers) < 65_536
    assert "<details>" not in without_layers
    far_too_many = write_markdown(dataclasses.replace(outcome, results=outcome.results * 400))
    assert len(far_too_many) < 65_536
    assert "no room" in far_too_many


def test_text_fits_80_columns(outcome: CheckResult) -> None:
    text = write_text(outcome)
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    assert "✗ wide: over budget" in flat
    assert "✓ good: ok" in flat
    assert "line 5: RAM" in flat
    assert "layer 1 (CONV_2D conv1) went from 1x4x4x8 to 1x4x4x32" in flat
    assert "4 targets: 1 over budget, 1 ok, 1 failed, 1 differs from the reference" in flat
    assert max(map(len, write_text(spoil(outcome)).splitlines())) <= 80


def test_files_are_utf8_whatever_names_layers_have(outcome: CheckResult) -> None:
    for write in (write_json, write_junit, write_sarif, write_markdown, write_text):
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8").write(write(spoil(outcome)))
