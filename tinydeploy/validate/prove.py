"""The proof of a build: host and emulated board against the reference, every byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.memory import plan_for_host
from tinydeploy.plan.plan import Plan
from tinydeploy.project.selftest import selftest_crc, selftest_inputs
from tinydeploy.validate.boxes import find_boxes
from tinydeploy.validate.compare import (
    Comparison,
    add_comparisons,
    compare_outputs,
    compare_tensors,
)
from tinydeploy.validate.host import build_host, dump_host
from tinydeploy.validate.vectors import make_vectors
from tinydeploy.validate.wide_softmax import run_graph_reference

Array = NDArray[Any]

# What the emulated board is given; the host sees all samples besides.
EMULATED_VECTORS = 20


@dataclass(frozen=True, eq=False)
class Expectation:
    """What the reference says of a model.

    Args:
        vectors: One array [n, *shape] per model input; the first EMULATED_VECTORS are for the
            emulated board, the samples follow.
        outputs: One array [n, *shape] per model output.
        tensors: By id, the intermediate tensors of the first vector.
        selftest_outputs: The outputs for the firmware's self-test input.
        boxes: What a detector's outputs show, one array [n, bytes]; none for other models.
        selftest_boxes: The same for the self-test's outputs.
        reference: Name and version of the interpreter.
    """

    vectors: tuple[Array, ...]
    outputs: tuple[Array, ...]
    tensors: Mapping[int, Array]
    selftest_outputs: tuple[bytes, ...]
    reference: str
    boxes: tuple[Array, ...] = ()
    selftest_boxes: tuple[bytes, ...] = ()

    @property
    def answers(self) -> tuple[Array, ...]:
        """All that a board answers: one array [n, *shape] per model output, then boxes, if any."""
        return (*self.outputs, *self.boxes)

    @property
    def selftest_crc(self) -> int:
        """CRC-32 of the outputs for the firmware's self-test input, and of its boxes."""
        return selftest_crc((*self.selftest_outputs, *self.selftest_boxes))

    @property
    def sample_outputs(self) -> tuple[Array, ...]:
        """One array [n, *shape] per model output, for the samples."""
        return tuple(output[EMULATED_VECTORS:] for output in self.outputs)

    @property
    def sample_answers(self) -> tuple[Array, ...]:
        """The same of `answers`."""
        return tuple(answer[EMULATED_VECTORS:] for answer in self.answers)


def expect_outputs(graph: Graph, tflite: bytes, samples: Array | None, extra: int) -> Expectation:
    """Runs the reference over the vectors of all comparisons and over the self-test's input.

    Args:
        graph: The graph, for shapes.
        tflite: The file that it was read from.
        samples: Real inputs [n, *shape] of a model with one input; None where there are none.
        extra: Random vectors for the host, where there are no samples.
    """
    made = make_vectors(graph, EMULATED_VECTORS, samples=samples)
    more = [samples] if samples is not None else make_vectors(graph, extra, seed=1)
    tensors = [graph.tensors[tensor] for tensor in graph.inputs]
    raw = selftest_inputs([graph.tensors[tensor].size_bytes for tensor in graph.inputs])
    test = [
        np.frombuffer(b, t.dtype).reshape(1, *t.shape) for b, t in zip(raw, tensors, strict=True)
    ]
    vectors = [
        np.concatenate([a, b.reshape(-1, *tensor.shape)])
        for a, b, tensor in zip(made, more, tensors, strict=True)
    ]
    if graph.state_bytes:  # vectors are the steps of one stream, the self-test begins its own
        run = run_graph_reference(graph, tflite, vectors)
        outputs, tested = run.outputs, run_graph_reference(graph, tflite, test).outputs
    else:
        both = [np.concatenate(pair) for pair in zip(vectors, test, strict=True)]
        run = run_graph_reference(graph, tflite, both)
        outputs = tuple(values[:-1] for values in run.outputs)
        tested = tuple(values[-1:] for values in run.outputs)
    return Expectation(
        vectors=tuple(vectors),
        outputs=outputs,
        tensors=run.tensors,
        selftest_outputs=tuple(values.tobytes() for values in tested),
        reference=run.version,
        boxes=find_boxes(graph, outputs),
        selftest_boxes=tuple(boxes.tobytes() for boxes in find_boxes(graph, tested)),
    )


def prove_host(
    unfused: Graph,
    fused: Graph,
    plan: Plan,
    sources: Mapping[str, str],
    board: Board,
    expectation: Expectation,
) -> Comparison:
    """Compares the generated C, compiled for the host, with the reference.

    The shipped sources run over all vectors, and every tensor that their plan stores is compared
    on the first. A second build, without any fusion, is compared on the first vector too: it shows
    the tensors that fusion removed.

    Args:
        unfused: The graph as read.
        fused: The graph as built.
        plan: Its plan.
        sources: Its C.
        board: What both are planned for.
        expectation: What the reference says.
    """
    first = [values[:1] for values in expectation.vectors]
    with build_host(fused, plan, sources) as program:
        outputs = compare_outputs(expectation.answers, program.run(expectation.vectors))
        stored = compare_tensors(fused, expectation.tensors, program.dump(first))
    whole = plan_for_host(unfused)
    text = generate_sources(unfused, whole, board, tflite=b"")
    found = dump_host(unfused, whole, text, first)
    gone = set(unfused.stored) - set(fused.stored)
    hidden = {tensor: values for tensor, values in found.items() if tensor in gone}
    return add_comparisons(outputs, stored, compare_tensors(unfused, expectation.tensors, hidden))
