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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    (command,) = re.findall(
        r"\$\(BIN\)/python -m (mkdocs build --strict.*)", (ROOT / "Makefile").read_text("utf-8")
    )
    done = subprocess.run(
        [sys.executable, "-m", *command.split(), "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


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
