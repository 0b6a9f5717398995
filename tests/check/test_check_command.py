"""`tinydeploy check` on the command line: what goes together, and what is told otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.check.fake_builds import fake_builds
from tests.check.sample import write_config
from tinydeploy.cli.main import main

Outcome = tuple[int, str, str]

TEXT = '[targets.a]\nmodel = "n.tflite"\nboard = "stm32h743"\nbudget.flash = "64 KB"\n'


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    fake_builds(monkeypatch, tmp_path / ".cache")
    (tmp_path / "n.tflite").write_text("3 8 4", encoding="utf-8")

    def run(*words: str) -> Outcome:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


BAD = [
    # words of the command line, exit code, words on stderr
    ([], 2, "cannot read tinydeploy.toml", "docs/ci.md"),
    (["n.tflite"], 2, "the model n.tflite is given without --board", "--board stm32h743"),
    (["--json", "o.json"], 2, "the model o.json is given", "--json-file o.json"),
    (["--max-ram", "64K"], 2, "--max-ram is given without --board", "tinydeploy.toml"),
    (["n.tflite", "--board", "stm32h743", "--only", "a"], 2, "goes with a model", "--board out"),
    (["--board", "stm32h743", "--sarif", "x"], 2, "goes with a model", "--board out"),
    (["--update-baseline", "--no-emulate"], 2, "needs the emulated board", "--no-emulate"),
    (["--jobs", "0"], 2, "", ""),
]


@pytest.mark.parametrize(("words", "code", "message", "advice"), BAD)
def test_mistakes(
    cli: Callable[..., Outcome], words: list[str], code: int, message: str, advice: str
) -> None:
    found, out, err = cli("check", *words)
    assert (found, out) == (code, "")
    assert message in err
    assert advice in err
    assert "Traceback" not in err


def test_progress_goes_to_stderr_and_the_table_to_stdout(
    cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    write_config(tmp_path, TEXT)
    code, out, err = cli("check")
    assert code == 0
    assert out.startswith("✓ a: ok")
    assert "a: ok, 5 stages run, 0 reused, at " in err
    assert "\x1b" not in out + err
    code, out, err = cli("check", "--quiet", "--json")
    assert err == ""
    assert json.loads(out)["stages"] == {"run": 0, "reused": 5}


def test_a_file_elsewhere_keeps_its_baseline_beside_it(
    cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    write_config(tmp_path / "sub", TEXT)
    (tmp_path / "n.tflite").rename(tmp_path / "sub" / "n.tflite")
    assert cli("check", "--config", "sub/tinydeploy.toml", "--update-baseline")[0] == 0
    assert (tmp_path / "sub" / "tinydeploy.baseline.json").is_file()
    code, out, _ = cli("check", "--config", "sub/tinydeploy.toml", "--sarif", "new/o.sarif")
    assert code == 0
    assert "=" in out
    assert json.loads((tmp_path / "new" / "o.sarif").read_text(encoding="utf-8"))["runs"]


def test_a_cache_that_cannot_be_written_is_told(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, TEXT)
    monkeypatch.setenv("TINYDEPLOY_CACHE", "/proc/none")
    code, out, err = cli("check")
    assert (code, out) == (1, "")
    assert "cannot write the cache folder /proc/none/check" in err
    assert "TINYDEPLOY_CACHE" in err


def test_a_file_that_cannot_be_written_is_told(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    write_config(tmp_path, TEXT)
    code, _, err = cli("check", "--junit", "/proc/x/y.xml")
    assert code == 1
    assert "cannot write /proc/x/y.xml" in err
