"""Models of many kinds: each builds, and its generated C gives the reference's bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.converted_kinds import CONVERTED
from tests.file_kinds import KINDS, streaming
from tinydeploy.board import load_board
from tinydeploy.cli.console import StageView
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.graph.conversions import cut_conversions
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import plan_memory
from tinydeploy.validate.host import build_host
from tinydeploy.validate.prove import expect_outputs, prove_host

BOARD = load_board("stm32h743")
MAKERS = {**KINDS, **CONVERTED}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_host_gives_the_bytes_of_the_reference(kind: str) -> None:
    model = cut_conversions(MAKERS[kind]()).tflite
    unfused = read_graph(model, kind)
    graph = fuse_graph(unfused)
    plan = plan_memory(graph, BOARD)
    check_plan(graph, plan, BOARD)
    sources = generate_sources(graph, plan, BOARD, tflite=model)
    expectation = expect_outputs(unfused, model, None, 4)
    comparison = prove_host(unfused, graph, plan, sources, BOARD, expectation)
    assert comparison.bit_exact, comparison.first_difference
    count = len(parse_tflite(model).tensors)  # what stands for float32 has tensors behind them
    assert comparison.tensors_compared >= sum(op.outputs[0] < count for op in graph.ops) - 2
    assert max(len(np.unique(values)) for values in expectation.outputs) > 2


@pytest.mark.parametrize(
    ("kind", "board", "form"),
    [
        ("streaming", "stm32l4r9", "arena"),
        ("wide", "stm32h743", "rows"),
        ("remembering", "stm32h743", "rows"),
        ("peaks", "stm32l4r9", "arena"),
        pytest.param("attention", "stm32h743", "kept", marks=pytest.mark.slow),
        pytest.param("unit_vectors", "stm32h743", "kept", marks=pytest.mark.slow),
        pytest.param("recurrent", "stm32l4r9", "rows", marks=pytest.mark.slow),
        pytest.param("streaming", "stm32h743", "kept", marks=pytest.mark.slow),
        pytest.param("indices", "stm32l4r9", "kept", marks=pytest.mark.slow),
        pytest.param("float_ends", "stm32h743", "arena", marks=pytest.mark.slow),
        pytest.param("padded_and_transposed", "stm32l4r9", "arena", marks=pytest.mark.slow),
        pytest.param("enlarging", "stm32h743", "rows", marks=pytest.mark.slow),
        pytest.param("two_hundred_layers", "stm32h743", "arena", marks=pytest.mark.slow),
    ],
)
def test_the_emulated_board_gives_them_too(
    tmp_path: Path, kind: str, board: str, form: str
) -> None:
    file = tmp_path / f"{kind}.tflite"
    file.write_bytes(MAKERS[kind]())
    request = BuildRequest(model=str(file), board=board, output=tmp_path / "out", input_form=form)
    report = build_image(request, StageView(quiet=True)).report
    assert report.validation is not None
    assert report.validation.bit_exact
    emulated = report.validation.emulator
    assert emulated is not None
    assert emulated.vectors == 20


def test_a_reset_begins_a_new_stream() -> None:
    model = streaming()
    graph = fuse_graph(read_graph(model, "net"))
    assert graph.state_bytes == 2 * (16 * 6 + 4 * 3)
    plan = plan_memory(graph, BOARD)
    sources = dict(generate_sources(graph, plan, BOARD, tflite=model))
    assert "void net_reset(void);" in sources["net/model.h"]
    assert f"#define NET_STATE_BYTES {graph.state_bytes}" in sources["net/model.h"]
    inputs = [np.random.default_rng(1).integers(-128, 128, (6, 1, 12)).astype(np.int8)]
    with build_host(graph, plan, sources) as program:
        stream = program.run(inputs)[0]
        again = program.run(inputs)[0]
        first = program.run([inputs[0][3:]])[0]
    assert np.array_equal(stream, again)
    assert not np.array_equal(stream[3:], first), "what was before must count"
    # A run that resets first forgets it.
    begin = "    run_layers(&(observer){ NULL, NULL });"
    text = sources["net/model.c"]
    assert begin in text
    sources["net/model.c"] = text.replace(begin, f"    net_reset();\n{begin}")
    with build_host(graph, plan, sources) as program:
        forgetful = program.run(inputs)[0]
    assert np.array_equal(forgetful[0], stream[0])
    assert np.array_equal(forgetful[3], first[0])
