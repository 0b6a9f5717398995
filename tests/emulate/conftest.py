"""Fixtures: the test firmware, built for every board, and booted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from probe_firmware import CORES, Probe, build_probe

from tinydeploy.board import load_board
from tinydeploy.emulate.emulated_board import EmulatedBoard


@pytest.fixture(scope="session")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the test firmware's ELF file by board."""
    built: dict[str, Path] = {}

    def find(name: str) -> Path:
        if name not in built:
            built[name] = build_probe(load_board(name), tmp_path_factory.mktemp(name))
        return built[name]

    return find


@pytest.fixture(params=CORES)
def probe(request: pytest.FixtureRequest, probes: Callable[[str], Path]) -> Iterator[Probe]:
    """The test firmware, booted, on a board of each core."""
    with EmulatedBoard(probes(request.param), load_board(request.param)) as emulated:
        probe = Probe(emulated)
        assert probe.read_until("ready\n") == "ready\n"
        yield probe
