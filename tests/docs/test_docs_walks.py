"""Pages of the manual, walked as a reader does: each in an empty folder, from the top."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, list_blocks
from tests.docs.walk import walk_page

MARKERS = {page: {block.marker for block in list_blocks(page)} for page in PAGES}


def list_pages(*, slow: bool) -> list[object]:
    pages = [p for p in PAGES if "run" in MARKERS[p] and ("slow" in MARKERS[p]) is slow]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


@pytest.fixture
def walk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    digits_cache: Path,
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return lambda page: walk_page(page, capfd)


@pytest.mark.parametrize("page", list_pages(slow=False))
def test_page(page: Path, walk) -> None:
    assert walk(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", list_pages(slow=True))
def test_slow_page(page: Path, walk) -> None:
    assert walk(page)
