"""The reference for a SOFTMAX over so many classes that LiteRT's reference kernel aborts.

It does where the exponentials of a vector, the largest of them 1, add up to 512 or more: its last
shift would exceed 31 bits. A net of 1000 classes that is sure of none of them is enough. Then the
rest of the model runs in the reference without that operator, the operator runs alone in the
reference over the vectors that it can do, and for the others every output is -128: a share of less
than 1/512 rounds to nothing (docs/numerics.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.fixed_point import INT8_MIN, rounding_divide_by_pot
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.softmax import Softmax
from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.validate.reference import ReferenceRun, run_reference
from tinydeploy.validate.take_apart import keep_operators

Array = NDArray[Any]

TOO_WIDE: Final = 512
"""Equal inputs of a SOFTMAX that the reference aborts on; with fewer it cannot abort."""

_Q19_LIMIT = TOO_WIDE << 19


def run_graph_reference(graph: Graph, model: bytes, inputs: Sequence[Array]) -> ReferenceRun:
    """Runs an int8 .tflite in the reference, with intermediates, also where its SOFTMAX aborts.

    Args:
        graph: The graph as read from the file, unfused.
        model: The .tflite file.
        inputs: One array [n, *input shape] per model input.

    Returns:
        What the reference computed; `version` says on how many vectors a SOFTMAX aborts.

    Raises:
        UnsupportedModelError: The interpreter refuses the model, or dies of something else.
    """
    try:
        return run_reference(model, inputs, intermediates=True)
    except UnsupportedModelError:
        wide = _wide_softmaxes(graph)
        if not wide:
            raise
    ends = {op.outputs[0] for op in wide}
    rest, heads = _leave_out(graph, model, wide)
    run = run_reference(rest, inputs, intermediates=True)
    found = dict(zip(heads, run.outputs, strict=True))
    beyond = 0
    for op in wide:
        logits = found[op.inputs[0]]
        aborting = find_aborting(op, logits)
        beyond = max(beyond, int(aborting.sum()))
        outputs = np.full_like(logits, INT8_MIN)
        if not aborting.all():
            alone = keep_operators(model, {op.index}, inputs=op.inputs, outputs=op.outputs)
            outputs[~aborting] = run_reference(alone, [logits[~aborting]]).outputs[0]
        found[op.outputs[0]] = outputs
    return replace(
        run,
        outputs=tuple(found[tensor] for tensor in graph.outputs),
        tensors={**run.tensors, **{tensor: found[tensor][0] for tensor in ends}},
        version=f"{run.version}, which aborts in SOFTMAX in {beyond} of {len(inputs[0])} vectors",
    )


def leave_out_wide_softmaxes(graph: Graph, model: bytes) -> bytes:
    """The file without the operators that may abort; tensors keep their ids.

    Args:
        graph: The graph as read from the file, unfused.
        model: The .tflite file.
    """
    wide = _wide_softmaxes(graph)
    return _leave_out(graph, model, wide)[0] if wide else model


def _leave_out(graph: Graph, model: bytes, wide: Sequence[Softmax]) -> tuple[bytes, list[int]]:
    """The file without these operators at its end, and the tensors that are its outputs."""
    sources, ends = ({op.inputs[0] for op in wide}, {op.outputs[0] for op in wide})
    heads = sorted(sources | (set(graph.outputs) - ends))
    others = set(range(len(parse_tflite(model).operators))) - {op.index for op in wide}
    return keep_operators(model, others, outputs=heads), heads


def find_aborting(op: Softmax, logits: Array) -> NDArray[np.bool_]:
    """Which of the input vectors [n, *shape] the reference's kernel aborts on: bool [n]."""
    rows = logits.reshape(len(logits), -1, op.depth).astype(np.int64)
    differences = rows.max(axis=2, keepdims=True) - rows
    terms = rounding_divide_by_pot(op.exponentials[differences].astype(np.int64), 12)
    aborting: NDArray[np.bool_] = (terms.sum(axis=2) >= _Q19_LIMIT).any(axis=1)
    return aborting


def _wide_softmaxes(graph: Graph) -> list[Softmax]:
    """Those that can abort, if nothing in the model reads what they make."""
    wide = [op for op in graph.ops if isinstance(op, Softmax) and op.depth >= TOO_WIDE]
    read = {tensor for op in graph.ops for tensor in op.inputs}
    return [] if any(op.outputs[0] in read for op in wide) else wide
