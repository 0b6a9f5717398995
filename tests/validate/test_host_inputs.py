"""Generated C with inputs that are kept, and inputs that are pushed row by row, against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from builders import ModelBuilder
from nets import classifier, random_net, several_ends

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.alias import find_owners
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import InputForm, Plan
from tinydeploy.validate.host import build_host
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.vectors import make_vectors

BOARD = load_board("stm32h743")


def assert_exact(
    tflite: bytes, form: InputForm, *, fused: bool = True, max_ram: int | None = None
) -> Plan:
    """Outputs of several inputs in turn, and every stored tensor but a pushed one, are right."""
    graph = read_graph(tflite, "net")
    graph = fuse_graph(graph) if fused else graph
    plan = plan_memory(graph, BOARD, max_ram=max_ram, input_form=form)
    check_plan(graph, plan, BOARD)
    sources = generate_sources(graph, plan, BOARD, tflite=tflite)
    vectors = [values[::-1] for values in make_vectors(graph, 6)]
    expected = run_reference(tflite, vectors, intermediates=True)
    with build_host(graph, plan, sources, sanitize=True) as program:
        for found, exact in zip(program.run(vectors), expected.outputs, strict=True):
            np.testing.assert_array_equal(found, exact)
        tensors = program.dump(vectors)
    pushed = _names_of_inputs(graph) if form == "rows" else set()
    assert set(tensors) == set(graph.stored) - pushed
    for tensor, found in tensors.items():
        exact = expected.tensors[tensor]
        np.testing.assert_array_equal(found[0].reshape(exact.shape), exact, err_msg=str(tensor))
    return plan


def _names_of_inputs(graph: Graph) -> set[int]:
    return {tensor for tensor, owner in find_owners(graph).items() if owner in graph.inputs}


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("form", ["kept", "rows"])
def test_a_classifier(form: InputForm, fused: bool) -> None:
    assert_exact(classifier(), form, fused=fused)


def test_several_kept_inputs_one_of_them_an_output() -> None:
    assert_exact(several_ends(), "kept")


@pytest.mark.parametrize("seed", range(8))
def test_random_nets(seed: int) -> None:
    tflite = random_net(seed)
    tall = read_graph(tflite, "net").tensors[read_graph(tflite, "net").inputs[0]].rows[0] > 1
    assert_exact(tflite, "rows" if tall and seed % 4 else "kept", fused=seed % 3 > 0)


def test_layers_that_begin_before_the_first_row() -> None:
    """Padding on top takes no row of the input; the first row must find its place free."""
    b = ModelBuilder(5)
    x = b.input((40, 5, 3))
    y = b.conv(b.pad(x, (8, 0, 1, 0)), 4, (3, 3))
    tflite = b.finish([b.conv(y, 1, (1, 1))])
    plan = assert_exact(tflite, "rows", fused=False, max_ram=1000)
    assert plan.steps[0].op == 0


def test_an_input_that_is_an_output_too() -> None:
    b = ModelBuilder(6)
    x = b.input((6, 5, 3))
    tflite = b.finish([b.conv(x, 4), b.reshape(x, (1, 90))])
    for form in ("kept", "rows"):
        assert_exact(tflite, form)  # type: ignore[arg-type]
