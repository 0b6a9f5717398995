"""Variables: whatever the order of reading and assigning, host and reference agree on a stream."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.graph.ops import AssignVariable, ReadVariable
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.quantize.tflite_writer import TfliteWriter
from tinydeploy.validate.host import run_host
from tinydeploy.validate.reference import run_reference

BOARD = load_board("stm32h743")
VALUES = np.array([[3, -128, 127, 0, -1]], np.int8)


class Stream:
    """A model of variables of one shape; each method is an operator."""

    def __init__(self, once=1):
        self.writer = TfliteWriter()
        self.x = self.tensor("x")
        self.handles = {}
        self.outputs = []
        if once is not None:
            self.writer.add_op("CALL_ONCE", [], [], {"InitSubgraphIndex": once})

    def tensor(self, name, data=None):
        return self.writer.add_tensor(name, (1, 5), "int8", scales=[0.5], data=data)

    def handle(self, name):
        if name not in self.handles:
            self.handles[name] = self.writer.add_tensor(name, (), "resource")
            self.writer.add_op("VAR_HANDLE", [], [self.handles[name]], {"SharedName": name})
        return self.handles[name]

    def read(self, name="v"):
        y = self.tensor(f"read{len(self.outputs)}")
        self.writer.add_op("READ_VARIABLE", [self.handle(name)], [y])
        self.outputs.append(y)
        return y

    def assign(self, value, name="v"):
        self.writer.add_op("ASSIGN_VARIABLE", [self.handle(name), value], [])

    def add(self, a, b):
        y = self.tensor(f"sum{len(self.outputs)}")
        self.writer.add_op("ADD", [a, b], [y], {})
        self.outputs.append(y)
        return y

    def finish(self, **initial):
        self.writer.start_graph()
        self.handles = {}
        for name, values in initial.items():
            self.assign(self.tensor("initial", values), name)
        return self.writer.finish([self.x], self.outputs)


def check(model):
    """Several steps of a stream, fused and planned, against the reference."""
    steps = [np.random.default_rng(1).integers(-60, 60, (5, 1, 5)).astype(np.int8)]
    graph = fuse_graph(read_graph(model, "net"))
    plan = plan_memory(graph, BOARD)
    found = run_host(graph, plan, generate_sources(graph, plan, BOARD, tflite=model), steps)
    for values, exact in zip(found, run_reference(model, steps).outputs, strict=True):
        np.testing.assert_array_equal(values, exact)
    return graph


def kinds(graph):
    return [op.kind for op in graph.ops if isinstance(op, ReadVariable | AssignVariable)]


def test_what_one_inference_assigns_the_next_one_reads():
    b = Stream()
    b.assign(b.add(b.read(), b.x))
    graph = check(b.finish(v=VALUES))
    assert kinds(graph) == ["READ_VARIABLE", "ASSIGN_VARIABLE"]
    assert graph.state_bytes == 8


def test_it_is_read_before_and_behind_and_the_last_of_two_values_stays():
    b = Stream()
    old, again = b.read(), b.read()
    b.assign(b.x)
    new = b.read()
    b.assign(b.add(b.add(old, again), new))
    b.read()
    assert kinds(check(b.finish(v=VALUES))) == ["READ_VARIABLE", "ASSIGN_VARIABLE"]


def test_two_variables_change_places():
    b = Stream()
    one, two = b.read("one"), b.read("two")
    b.add(b.x, one)
    b.assign(two, "one")
    b.assign(one, "two")
    check(b.finish(one=VALUES, two=np.full((1, 5), -7, np.int8)))


def test_what_is_assigned_first_needs_no_state():
    b = Stream()
    b.assign(b.add(b.x, b.x))
    b.add(b.read(), b.x)
    graph = check(b.finish(v=VALUES))
    assert kinds(graph) == []
    assert graph.state_bytes == 0


def test_what_is_never_assigned_stays():
    b = Stream()
    b.add(b.read(), b.x)
    assert kinds(check(b.finish(v=VALUES))) == ["READ_VARIABLE"]


def broken(what):
    b = Stream(once={"none": None, "missing": 2}.get(what, 1))
    y = b.read()
    b.assign(b.add(b.x, y))
    if what == "computed":
        b.writer.start_graph()
        b.handles = {}
        one = b.tensor("one", VALUES)
        b.assign(b.add(one, one))
        return b.writer.finish([b.x], b.outputs[:2])
    if what == "none":
        return b.writer.finish([b.x], b.outputs)
    return b.finish(**{"other" if what == "name" else "v": VALUES})


@pytest.mark.parametrize(
    ("what", "error", "sentence"),
    [
        ("none", UnsupportedModelError, "'v', which nothing has initialized before"),
        ("name", UnsupportedModelError, "'v', which nothing has initialized before"),
        ("computed", UnsupportedModelError, "does more than assign constants"),
        ("missing", UnsupportedModelError, "the model has 2 subgraphs"),
    ],
)
def test_what_cannot_be_initialized_is_refused(what, error, sentence):
    with pytest.raises(error) as caught:
        read_graph(broken(what))
    assert sentence in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("inputs", "sentence"), [([], "no variable's"), (["x"], "no variable's")])
def test_what_has_no_handle_is_refused(inputs, sentence):
    b = Stream()
    b.handle("v")
    y = b.tensor("y")
    b.writer.add_op("READ_VARIABLE", [b.x for _ in inputs], [y])
    b.outputs.append(y)
    with pytest.raises(InputFileError, match=sentence):
        read_graph(b.finish(v=VALUES))


@pytest.mark.parametrize("use", ["operand", "output", "value", "written"])
def test_a_handle_is_no_activation(use):
    b = Stream()
    y = b.read()
    handle = b.handles["v"]
    if use == "operand":
        b.add(handle, y)
    elif use == "output":
        b.outputs.append(handle)
    elif use == "value":
        b.assign(handle)
    else:
        b.writer.add_op("ADD", [b.x, y], [handle], {})
    b.assign(b.x)
    with pytest.raises(InputFileError, match="handle is used as if it were an activation"):
        read_graph(b.finish(v=VALUES))


def test_a_constant_is_no_value_to_assign():
    b = Stream()
    b.add(b.read(), b.x)
    b.assign(b.tensor("constant", VALUES))
    with pytest.raises(UnsupportedModelError, match="computed or given"):
        read_graph(b.finish(v=VALUES))
