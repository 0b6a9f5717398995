"""Random graphs: the generated C, under sanitizers, against the reference."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_graph import Mode, check_graph
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_graphs import graphs

from tinydeploy.validate.host import compile_kernels

MODES = st.builds(
    Mode,
    fused=st.booleans(),
    planned=st.booleans(),
    optimize=st.sampled_from(("balanced", "ram", "speed", "flash")),
    rows=st.booleans(),
    recomputed=st.booleans(),
)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_kernels(tmp_path_factory.mktemp("kernels"), sanitize=True)


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(model=graphs(), mode=MODES)
def test_random_graphs(kernels: Path, model: bytes, mode: Mode) -> None:
    check_graph(model, mode, kernels)
