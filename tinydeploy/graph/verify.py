"""Every invariant of a graph, checked after reading and after every pass."""

from __future__ import annotations

from tinydeploy.errors import InternalError
from tinydeploy.graph.constraints import is_per_tensor_int8, is_per_tensor_int16
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.tensor import UNQUANTIZED


def verify_graph(graph: Graph) -> None:
    """Checks a graph.

    Args:
        graph: Any graph.

    Raises:
        InternalError: An invariant is broken: a bug of the reader or of a pass. The message says
            all that is wrong.
    """
    problems = [*_wrong_ids(graph)] or [*_wrong_order(graph), *_wrong_tensors(graph)]
    if not problems:
        for position, op in enumerate(graph.ops):
            problems += [f"op {position} ({op.kind}): {text}" for text in op.verify(graph)]
    if problems:
        raise InternalError(
            f"the graph {graph.name!r} is broken: {'; '.join(problems)}",
            "This is a bug of tinydeploy; please report it with the model.",
        )


def _wrong_ids(graph: Graph) -> list[str]:
    count = len(graph.tensors)
    problems = []
    for position, op in enumerate(graph.ops):
        if not (op.inputs or op.state_bytes) or not op.outputs:
            problems.append(f"op {position} ({op.kind}) has no input or no output")
        if any(not 0 <= tensor < count for tensor in (*op.inputs, *op.outputs)):
            problems.append(f"op {position} ({op.kind}) names a tensor that there is not")
    if any(not 0 <= tensor < count for tensor in (*graph.inputs, *graph.outputs)):
        problems.append("an input or output of the model is no tensor")
    if not graph.inputs or not graph.outputs:
        problems.append("the model has no input or no output")
    return problems


def _wrong_order(graph: Graph) -> list[str]:
    problems = []
    written = set(graph.inputs)
    for position, op in enumerate(graph.ops):
        problems += [
            f"op {position} ({op.kind}) reads tensor {t} before it is written"
            for t in op.inputs
            if t not in written
        ]
        problems += [
            f"op {position} ({op.kind}) writes tensor {t} a second time"
            for t in op.outputs
            if t in written
        ]
        written.update(op.outputs)
    problems += [f"output {t} is never written" for t in graph.outputs if t not in written]
    return problems


def _wrong_tensors(graph: Graph) -> list[str]:
    problems = []
    for tensor in graph.stored:
        record = graph.tensors[tensor]
        if not record.shape or min(record.shape) < 1:
            problems.append(f"tensor {tensor} has shape {list(record.shape)}")
        if len(record.shape) == 4 and record.shape[0] != 1:
            problems.append(f"tensor {tensor} has a batch of {record.shape[0]}")
        quantized = is_per_tensor_int8(record) or is_per_tensor_int16(record)
        if record.data is not None or not (quantized or record.dtype in UNQUANTIZED):
            problems.append(
                f"tensor {tensor} is no activation quantized per tensor, nor of {UNQUANTIZED}"
            )
    return problems
