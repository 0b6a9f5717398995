"""Random graphs of int16 inside, always the same ones, against the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import layers_of_windows
import pytest
from check_graph import MODES, Compiler, Mode, check_graph, compile_all_kernels
from graph_maker import GraphMaker
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from layers_of_int16 import wide


@st.composite
def graphs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """A .tflite file whose layers are mostly of int16."""
    maker = GraphMaker(draw)
    maker.input()
    maker.known.append(wide(maker, maker.known[-1]))
    for _ in range(maker.number(1, 3)):
        maker.add_layer((wide,), (wide, *layers_of_windows.IMAGES[:2]))
    return maker.finish()


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
@given(model=graphs(), mode=MODES)
def test_random_graphs(kernels: Mapping[Compiler, Path], model: bytes, mode: Mode) -> None:
    check_graph(model, mode, kernels, compiler="gcc")
