"""Generated C on the host against LiteRT: outputs, every stored tensor, streaming plans."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import ModelBuilder
from nets import classifier, random_net, several_ends

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.errors import CompileError, InternalError, MissingDependencyError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.alias import find_owners
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.kernels import choose_kernels
from tinydeploy.plan.memory import plan_for_host, plan_memory
from tinydeploy.plan.plan import Arena, Plan, Rows, Step
from tinydeploy.validate import host
from tinydeploy.validate.host import build_host, dump_host, run_host
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.vectors import make_vectors

BOARD = load_board("stm32h743")


def assert_exact(
    tflite: bytes, graph: Graph, plan: Plan, count: int, *, sanitize: bool = False
) -> None:
    """Outputs of all vectors, and every stored tensor of the first, equal LiteRT's."""
    check_plan(graph, plan, None if plan.arenas[0].memory == "host" else BOARD)
    sources = generate_sources(graph, plan, BOARD, tflite=tflite)
    # In reverse, so that a random vector is the first, whose tensors are compared.
    vectors = [values[::-1] for values in make_vectors(graph, count)]
    expected = run_reference(tflite, vectors, intermediates=True)
    with build_host(graph, plan, sources, sanitize=sanitize) as program:
        for found, exact in zip(program.run(vectors), expected.outputs, strict=True):
            np.testing.assert_array_equal(found, exact)
        tensors = program.dump(vectors)
    assert set(tensors) == set(graph.stored)
    for tensor, found in tensors.items():
        exact = expected.tensors[tensor]
        np.testing.assert_array_equal(found[0].reshape(exact.shape), exact, err_msg=str(tensor))


@pytest.mark.parametrize("net", [classifier, several_ends])
@pytest.mark.parametrize("fused", [False, True])
def test_nets_by_hand(net: object, fused: bool) -> None:
    assert callable(net)
    tflite = net()
    graph = read_graph(tflite, "net")
    plan = plan_memory(fuse_graph(graph), BOARD) if fused else plan_for_host(graph)
    graph = fuse_graph(graph) if fused else graph
    assert_exact(tflite, graph, plan, 6, sanitize=True)


@pytest.mark.parametrize("seed", range(14))
def test_random_nets(seed: int) -> None:
    tflite = random_net(seed)
    graph = read_graph(tflite, "net")
    graph = fuse_graph(graph) if seed % 4 else graph
    assert_exact(tflite, graph, plan_memory(graph, BOARD), 6, sanitize=seed % 5 == 0)


def streaming_net() -> bytes:
    b = ModelBuilder(3)
    x = b.input((14, 9, 3))
    y = b.conv(b.depthwise(b.conv(x, 8, stride=(2, 1)), activation="RELU"), 5, (1, 1))
    return b.finish([b.pool("AVERAGE_POOL_2D", y, (2, 3), stride=(1, 1))])


def stream(graph: Graph) -> Plan:
    """A plan that pulls rows on demand; tensors between input and output are rings, their rows
    shuffled, with a hole between any two: as little like whole tensors as a plan can be."""
    tensors = {t: graph.tensors[t].rows for t in graph.stored}
    sizes = {t: width * channels for t, (_, width, channels) in tensors.items()}
    rows, end = {}, 0
    for t, (height, _, _) in tensors.items():
        ends = t in (*graph.inputs, *graph.outputs)
        slots = height if ends else min(height, 3)
        pitch = sizes[t] if ends else (sizes[t] + 7) // 4 * 4
        places = list(range(slots))
        random.Random(t).shuffle(places)
        table = tuple(end + places[y % slots] * pitch for y in range(height))
        table_or_none = None if ends else table
        rows[t] = Rows(t, "dtcm", end, pitch, height, sizes[t], table_or_none)
        end += (slots * pitch + 3) // 4 * 4
    made = dict.fromkeys(graph.stored, 0) | {t: tensors[t][0] for t in graph.inputs}
    makers = {op.outputs[0]: k for k, op in enumerate(graph.ops)}
    steps: list[Step] = []

    def pull(t: int, last: int) -> None:
        while made[t] < last:
            y, op = made[t], graph.ops[makers[t]]
            for which, source in enumerate(op.inputs):
                pull(source, min(op.input_rows(graph, which, y, y + 1)[1], tensors[source][0]))
            steps.append(Step(makers[t], y, y + 1))
            made[t] += 1

    for t in graph.outputs:
        pull(t, tensors[t][0])
    return Plan(tuple(steps), rows, {}, (Arena("dtcm", end),), 0, choose_kernels(graph, None))


def test_a_streaming_plan_needs_no_other_kernels_nor_generator() -> None:
    tflite = streaming_net()
    graph = read_graph(tflite, "net")
    plan = stream(graph)
    assert len(plan.steps) > len(graph.ops)
    assert_exact(tflite, graph, plan, 5, sanitize=True)


def test_tensors_in_two_arenas() -> None:
    tflite = classifier()
    graph = read_graph(tflite, "net")
    plan = plan_memory(graph, BOARD)
    size = plan.arena_bytes
    moved = {t: replace(r, memory="axi") if t % 2 else r for t, r in plan.rows.items()}
    for tensor, owner in find_owners(graph).items():
        moved[tensor] = replace(moved[tensor], memory=moved[owner].memory)
    arenas = (Arena("dtcm", size), Arena("axi", size))
    assert {rows.memory for rows in moved.values()} == {"dtcm", "axi"}
    assert_exact(tflite, graph, replace(plan, rows=moved, arenas=arenas), 4)


def test_a_wrong_plan_gives_wrong_bytes() -> None:
    tflite = classifier()
    graph = read_graph(tflite, "net")
    plan = plan_memory(graph, BOARD)
    wrong = replace(plan, steps=plan.steps[::-1])
    sources = generate_sources(graph, wrong, BOARD, tflite=tflite)
    vectors = make_vectors(graph, 6)
    expected = run_reference(tflite, vectors).outputs[0]
    assert not np.array_equal(run_host(graph, wrong, sources, vectors)[0], expected)


def test_dump_host_is_the_dump_of_a_program() -> None:
    tflite = several_ends()
    graph = read_graph(tflite, "net")
    plan = plan_memory(graph, BOARD)
    sources = generate_sources(graph, plan, BOARD, tflite=tflite)
    vectors = make_vectors(graph, 2)
    tensors = dump_host(graph, plan, sources, vectors)
    outputs = run_host(graph, plan, sources, vectors)
    for tensor, values in zip(graph.inputs, vectors, strict=True):
        np.testing.assert_array_equal(tensors[tensor], values)
    for tensor, values in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(tensors[tensor], values)


def test_a_refusing_compiler_is_quoted() -> None:
    tflite = classifier()
    graph = read_graph(tflite, "net")
    plan = plan_memory(graph, BOARD)
    sources = dict(generate_sources(graph, plan, BOARD, tflite=tflite))
    sources["net/weights.c"] += "nonsense\n"
    with (
        pytest.raises(CompileError, match=r": net/weights.c:\d+:\d+: error"),
        build_host(graph, plan, sources),
    ):
        pass


def test_a_crash_is_an_error() -> None:
    tflite = classifier()
    graph = read_graph(tflite, "net")
    plan = plan_memory(graph, BOARD)
    sources = dict(generate_sources(graph, plan, BOARD, tflite=tflite))
    sources["net/model.c"] = sources["net/model.c"].replace(
        "int net_run(void)\n{", "int net_run(void)\n{\n    __builtin_trap();"
    )
    with pytest.raises(InternalError, match="ended with"):
        run_host(graph, plan, sources, make_vectors(graph, 1))


def test_without_a_compiler_the_hint_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.shutil, "which", lambda name: None)
    monkeypatch.setattr(host.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="ziglang"):
        host.find_host_compiler()


def test_the_ziglang_package_is_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.setattr(host.shutil, "which", lambda name: None)
    assert host.find_host_compiler()[1:] == ("-m", "ziglang", "cc")
