"""Random graphs, always the same ones: the generated C under sanitizers, and firmware, emulated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from check_graph import MODES, Compiler, Mode, check_graph, compile_all_kernels
from coverage_table import ATTRIBUTES, CoverageTable
from emulate_graph import check_emulated_graph
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_graphs import all_graphs, graphs

from tinydeploy.graph.ops import OPS

CASES = Path(__file__).with_name("cases")
ALL_MODES = (
    Mode(fused=False, schedule="portable"),
    Mode(schedule="layers", board="stm32l4r9"),
    Mode(optimize="balanced"),
    Mode(optimize="ram", form="kept"),
    Mode(optimize="speed", form="rows"),
    Mode(optimize="flash", board="stm32l4r9", form="rows"),
    Mode(optimize="ram", form="rows", recomputed=True),
)
COMPILERS: tuple[Compiler, ...] = ("gcc", "clang")


def fixed(graphs: int) -> settings:
    return settings(
        max_examples=graphs,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Compiler, Path]:
    return compile_all_kernels(tmp_path_factory.mktemp("kernels"), *COMPILERS)


@fixed(60)
@given(model=graphs(), mode=MODES, compiler=st.sampled_from(COMPILERS))
def test_random_graphs(
    kernels: Mapping[Compiler, Path], model: bytes, mode: Mode, compiler: Compiler
) -> None:
    check_graph(model, mode, kernels, compiler=compiler)


@fixed(6)
@given(
    model=graphs(most_layers=12),
    mode=MODES.filter(lambda mode: mode.schedule == "board"),
    compiler=st.sampled_from(COMPILERS),
)
def test_random_graphs_in_the_emulated_boards(model: bytes, mode: Mode, compiler: Compiler) -> None:
    check_emulated_graph(model, mode, compiler=compiler)


@pytest.mark.parametrize("case", sorted(CASES.glob("*.tflite")), ids=lambda path: path.stem)
def test_graphs_that_failed_once(kernels: Mapping[Compiler, Path], case: Path) -> None:
    for mode in ALL_MODES:
        check_graph(case.read_bytes(), mode, kernels)


def test_every_operator_has_a_line_in_the_table_of_coverage() -> None:
    assert set(OPS) <= set(ATTRIBUTES)


def test_graphs_have_nearly_every_operator_and_attribute() -> None:
    """A few hundred graphs miss some; `make fuzz` tells which its thousands miss."""
    table = CoverageTable()

    @fixed(1500)
    @given(model=all_graphs())
    def count(model: bytes) -> None:
        table.add(model)

    count()
    unseen = list(table.list_unseen())
    assert len([name for name in unseen if ":" not in name]) < 8, unseen
    assert len(unseen) < 60, unseen
