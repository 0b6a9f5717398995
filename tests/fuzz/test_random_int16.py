"""Random graphs of int16 inside, always the same ones, against the reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from check_graph import MODES, Compiler, Mode, check_graph, compile_all_kernels
from hypothesis import HealthCheck, Phase, given, settings
from random_graphs import wide_graphs


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Compiler, Path]:
    return compile_all_kernels(tmp_path_factory.mktemp("kernels"), "gcc")


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(model=wide_graphs(), mode=MODES)
def test_random_graphs(kernels: Mapping[Compiler, Path], model: bytes, mode: Mode) -> None:
    check_graph(model, mode, kernels, compiler="gcc")
