"""The manual as a site: built strictly, complete, and without a word to the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.docs.blocks import ROOT
from tinydeploy.check.config import list_keys
from tinydeploy.cli.main import app
from tinydeploy.pipeline import BuildRequest


def build_site(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does."""
    (command,) = re.findall(
        r"\$\(BIN\)/python -m (mkdocs build .*)", (ROOT / "Makefile").read_text("utf-8")
    )
    return subprocess.run(
        [sys.executable, "-m", *command.split(), "--site-dir", str(folder)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = build_site(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[x](nowhere.md)", "'nowhere.md'"),
        ("[x](index.md#nothing)", "no such anchor"),
        ("[x](other.md)", 'not included in the "nav"'),
    ],
)
def test_a_site_with_a_mistake_is_not_built(tmp_path: Path, text: str, message: str) -> None:
    """A link to nowhere, to no such place, a page that no menu leads to."""
    ours = (ROOT / "mkdocs.yml").read_text("utf-8")
    checks = ours[ours.index("validation:") : ours.index("\nnav:") + 1]
    (tmp_path / "mkdocs.yml").write_text(f"site_name: x\n{checks}nav: [index.md]\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# X\n\n{text}\n")
    if "other" in text:
        (tmp_path / "docs" / "other.md").write_text("# Y\n")
    done = build_site(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert message in done.stderr


def list_leaves(command, path: str) -> Iterator[tuple[str, Any]]:
    """Commands without commands of their own."""
    for name, each in getattr(command, "commands", {}).items():
        yield from list_leaves(each, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path, command


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text("utf-8")
        loads = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"?([^\" >]+)", text)
        outside = [url for url in loads if re.match(r"(?:https?:)?//", url)]
        assert loads
        assert not outside, page
        assert "mermaid" not in text, "the theme would load mermaid.js from a server"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)[\s\"']*(?:https?:)?//", sheet.read_text("utf-8"))


def test_the_reference_is_complete(site: Path) -> None:
    commands = (site / "reference" / "commands.html").read_text("utf-8")
    for path, command in list_leaves(typer.main.get_command(app), "tinydeploy"):
        assert f">{path}<" in commands
        for parameter in command.params:
            assert all(word in commands for word in parameter.opts if word.startswith("--"))
    config = (site / "reference" / "config.html").read_text("utf-8")
    assert all(f"<code>{key}</code>" in config for key in list_keys())
    python = (site / "reference" / "python.html").read_text("utf-8")
    assert all(f"<code>{name}</code>" in python for name in BuildRequest.__dataclass_fields__)


def test_pictures_and_links_of_the_first_page_are_there(site: Path) -> None:
    text = (site / "index.html").read_text("utf-8")
    pictures = re.findall(r'<img[^>]*src="([^"]+)"', text)
    assert pictures
    assert all((site / name).is_file() for name in pictures)
