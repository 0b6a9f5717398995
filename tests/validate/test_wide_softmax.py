"""Models of 512 classes and more, on which the reference's SOFTMAX may abort."""

from __future__ import annotations

import numpy as np
import pytest
from builders import ModelBuilder

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.ops.softmax import Softmax
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_for_host
from tinydeploy.validate.host import run_host
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.tensor_use import measure_use
from tinydeploy.validate.wide_softmax import (
    find_aborting,
    leave_out_wide_softmaxes,
    run_graph_reference,
)

CLASSES = 700


def softmax_model(depth: int = CLASSES, *, renamed: bool = False) -> bytes:
    """Two outputs: a table of the input and its softmax, which come from the same tensor."""
    b = ModelBuilder()
    x = b.activation((1, depth), 0.05, 3)
    b.inputs.append(x.id)
    bounded = b.lookup("RELU6", x)
    ends = b.softmax(x)
    return b.finish([bounded, b.reshape(ends, (depth,)) if renamed else ends])


def flat(equal: int, rest: int = -128) -> np.ndarray:
    """`equal` classes of the largest score, the others of `rest`."""
    return np.where(np.arange(CLASSES) < equal, 127, rest).astype(np.int8).reshape(1, CLASSES)


# exp(-0.05 * 255) is 2.9e-6; exp(-0.05 * 20) is 0.368: 443 + 257 * 0.368 = 537.5.
@pytest.mark.parametrize(
    ("vector", "aborts"),
    [(flat(511), False), (flat(512), True), (flat(443, 107), True), (flat(400, 107), False)],
)
def test_the_reference_aborts_where_it_is_said_to(vector: np.ndarray, aborts: bool) -> None:
    model = softmax_model()
    graph = read_graph(model, "wide")
    (op,) = (op for op in graph.ops if isinstance(op, Softmax))
    assert find_aborting(op, vector[None]).tolist() == [aborts]
    if aborts:
        with pytest.raises(UnsupportedModelError, match="signal 6"):
            run_reference(model, [vector[None]])
    else:
        run_reference(model, [vector[None]])


@pytest.mark.parametrize("counts", [(3, 600, 511, 512), (600, 700), (2, 3)])
def test_outputs_are_those_of_generated_code(counts: tuple[int, ...]) -> None:
    model = softmax_model()
    graph = read_graph(model, "wide")
    vectors = [np.stack([flat(count) for count in counts])]
    run = run_graph_reference(graph, model, vectors)
    beyond = sum(count >= 512 for count in counts)
    said = f"aborts in SOFTMAX in {beyond} of {len(counts)} vectors"
    assert (said in run.version) == (beyond > 0)
    for exact, count, scores in zip(run.outputs[1], counts, vectors[0], strict=True):
        share = np.rint(256 / count) if count < 512 else 0
        assert set(exact[scores == 127].tolist()) == {share - 128}
    fused = fuse_graph(graph)
    plan = plan_for_host(fused)
    sources = generate_sources(fused, plan, load_board("stm32h743"), tflite=b"")
    for found, exact in zip(run_host(fused, plan, sources, vectors), run.outputs, strict=True):
        np.testing.assert_array_equal(found, exact)
    for tensor, exact in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(run.tensors[tensor], exact[0])


def test_an_abort_that_cannot_be_helped_stays_one() -> None:
    """Something reads the softmax's output: it cannot be left out."""
    model = softmax_model(renamed=True)
    with pytest.raises(UnsupportedModelError, match="signal 6"):
        run_graph_reference(read_graph(model, "wide"), model, [flat(600)[None]])


def test_what_is_left_without_it_can_be_looked_at() -> None:
    model = softmax_model()
    graph = read_graph(model, "wide")
    vectors = [flat(600)[None]]
    with pytest.raises(UnsupportedModelError, match="signal 6"):
        measure_use(model, vectors)
    rest = leave_out_wide_softmaxes(graph, model)
    (use,) = measure_use(rest, vectors)
    assert graph.tensors[use.tensor].name == use.name
    assert sum(use.counts) == CLASSES
    small = softmax_model(10)
    assert leave_out_wide_softmaxes(read_graph(small, "small"), small) is small
