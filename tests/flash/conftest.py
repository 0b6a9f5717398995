"""Fixtures: stand-ins for flashing tools."""

from __future__ import annotations

from pathlib import Path

import pytest
from stand_ins import StandIns


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    """An otherwise empty PATH, and no probes at USB."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr("tinydeploy.flash.openocd.list_st_links", list)
    monkeypatch.setattr("tinydeploy.flash.pyocd.find_spec", lambda name: None)
    return StandIns(folder, monkeypatch)
