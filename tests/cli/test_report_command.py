"""`tinydeploy report`: the page of a build again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.sample_report import make_report
from tinydeploy.cli.main import main
from tinydeploy.report.page.page import write_page


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["report", *map(str, words)])
    return int(caught.value.code or 0)


@pytest.fixture(scope="module")
def text() -> str:
    return make_report(samples=False).to_json()


def test_it_writes_the_page_beside_the_report_or_elsewhere(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    assert run(tmp_path) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    assert run(tmp_path / "report.json", "-o", tmp_path / "other.html", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page == (tmp_path / "other.html").read_text(encoding="utf-8")
    assert page == write_page(make_report(samples=False))


@pytest.mark.parametrize("name", ["missing", "empty", "text.json"])
def test_what_is_no_report(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.json").write_text("hello", encoding="utf-8")
    assert run(tmp_path / name) == 1
    err = capsys.readouterr().err
    assert "error:" in err
    assert "try:" in err


def test_a_page_that_cannot_be_written(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    assert run(tmp_path, "-o", tmp_path / "no" / "page.html") == 1
    assert "--output" in capsys.readouterr().err


def test_two_builds_are_compared(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(text, encoding="utf-8")
    assert run(tmp_path / "a", tmp_path / "b", "-q", "-o", tmp_path / "c.html") == 0
    assert "nothing differs" in capsys.readouterr().out
    assert "Nothing differs." in (tmp_path / "c.html").read_text(encoding="utf-8")
    assert run(tmp_path / "a", tmp_path / "b", "--open") == 2
    assert "--output" in capsys.readouterr().err
