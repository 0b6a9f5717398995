"""Real models: the arena is small, the generated C equals LiteRT in every byte."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import plan_for_host, plan_memory
from tinydeploy.validate.host import build_host
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.vectors import make_vectors

BOARD = load_board("stm32h743")
# Most bytes that their arenas may have.
MODELS = {
    "mlperf_tiny_vww_int8": 34_000,
    "mlperf_tiny_ic_int8": 19_000,
    "mlperf_tiny_kws_int8": 14_000,
    "mlperf_tiny_ad_int8": 2_048,
    "person_detect_int8": 21_000,
    "hello_world_int8": 128,
    "etinynet_1.0_224_int8": 161_000,
}


CASES = [*((name, True) for name in MODELS), ("etinynet_1.0_224_int8", False)]


@pytest.mark.parametrize(("name", "fused"), CASES)
def test_every_byte_equals_the_references(name: str, fused: bool, shared_data: Path) -> None:
    tflite = (shared_data / "models" / f"{name}.tflite").read_bytes()
    graph = read_graph(tflite, name)
    if fused:
        graph = fuse_graph(graph)
        plan = plan_memory(graph, BOARD)
        check_plan(graph, plan, BOARD)
        assert plan.lower_bound_bytes <= plan.arena_bytes <= MODELS[name]
    else:
        plan = plan_for_host(graph)
        check_plan(graph, plan, None)
    begin = time.perf_counter()
    sources = generate_sources(graph, plan, BOARD, tflite=tflite)
    assert time.perf_counter() - begin < 3
    count = 1 if name.startswith("etinynet") else 5
    vectors = [values[::-1][:count] for values in make_vectors(graph, 6)]
    expected = run_reference(tflite, vectors, intermediates=True)
    with build_host(graph, plan, sources) as program:
        (found,) = program.run(vectors)
        tensors = program.dump([values[:1] for values in vectors])
    np.testing.assert_array_equal(found, expected.outputs[0])
    for tensor, values in tensors.items():
        exact = expected.tensors[tensor].ravel()
        np.testing.assert_array_equal(values.ravel(), exact, err_msg=f"tensor {tensor}")
