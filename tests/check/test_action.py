"""The GitHub Action: its file by GitHub's schema, and options and files that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tinydeploy.check.write_markdown import MARKER

ROOT = Path(__file__).resolve().parents[2]


def run_schema_check(schema: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_action_keeps_to_the_schema(tmp_path: Path) -> None:
    done = run_schema_check("vendor.github-actions", ROOT / "action.yml")
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "action.yml"
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    broken.write_text(text.replace("using: composite", "using: composit"), encoding="utf-8")
    assert run_schema_check("vendor.github-actions", broken).returncode == 1


def test_the_workflow_of_the_manual_keeps_to_the_schema(tmp_path: Path) -> None:
    manual = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    block = re.search(r"budgets\.yml`:\n\n((?:    .*\n)+)", manual)
    assert block is not None
    workflow = tmp_path / "budgets.yml"
    workflow.write_text(re.sub(r"(?m)^    ", "", block[1]), encoding="utf-8")
    assert len(block[1].splitlines()) <= 10
    done = run_schema_check("vendor.github-workflows", workflow)
    assert done.returncode == 0, done.stdout


def test_scripts_of_the_action_are_sound() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert len(scripts) == 4
    for script in scripts:
        assert "${{" not in script, "what users write belongs into env, not into a script"
        done = subprocess.run(["bash", "-n"], input=script, text=True, check=False)
        assert done.returncode == 0
    assert MARKER in scripts[2]


def test_the_action_uses_options_that_check_has(capsys: pytest.CaptureFixture[str]) -> None:
    from tinydeploy.cli.main import main

    with pytest.raises(SystemExit):
        main(["check", "--help"])
    known = capsys.readouterr().out
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    options = set(re.findall(r"(--(?:config|json-file|junit|sarif|markdown|no-emulate))\b", text))
    assert len(options) == 6
    assert all(option in known for option in options)
