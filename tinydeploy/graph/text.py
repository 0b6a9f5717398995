"""A graph as text, for people and for comparing: equal graphs give equal text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op

_SHOWN_ELSEWHERE = ("index", "inputs", "outputs")


def format_graph(graph: Graph) -> str:
    """Writes a graph as text.

    Args:
        graph: Any graph.

    Returns:
        Lines, the last ended too: a summary, the ends of the model, the ops in order, the tensors
        that are stored. Arrays are shown by type, shape and range.
    """
    return "".join(f"{line}\n" for line in _lines(graph))


def _lines(graph: Graph) -> Iterator[str]:
    yield (
        f"{graph.name}: {len(graph.ops)} ops, {graph.macs:,} MACs, {graph.parameters:,} parameters"
    )
    yield f"inputs: {_ids(graph.inputs)}"
    yield f"outputs: {_ids(graph.outputs)}"
    if graph.labels:
        yield f"labels: {', '.join(graph.labels)}"
    for position, op in enumerate(graph.ops):
        yield (
            f"op {position}: {op.kind} (operator {op.index}) {_ids(op.inputs)} -> "
            f"{_ids(op.outputs)}, {op.macs(graph):,} MACs"
        )
        for name, value in _attributes(op):
            yield f"    {name}: {value}"
    for tensor in graph.stored:
        record = graph.tensors[tensor]
        quantization = record.quantization
        values = (
            f"{quantization.scale!r} * (q - {quantization.zero_point})" if quantization else "raw"
        )
        shape = "x".join(map(str, record.shape))
        yield f"tensor %{tensor}: {record.dtype} {shape}, {values}, {record.name!r}"


def _ids(tensors: tuple[int, ...]) -> str:
    return ", ".join(f"%{tensor}" for tensor in tensors)


def _attributes(op: Op) -> Iterator[tuple[str, str]]:
    for field in fields(op):
        if field.name not in _SHOWN_ELSEWHERE:
            value = getattr(op, field.name)
            if isinstance(value, Op):
                yield field.name, f"{value.kind} (operator {value.index})"
                for name, text in _attributes(value):
                    yield f"{field.name}.{name}", text
            else:
                yield field.name, _format(value)


def _format(value: Any) -> str:
    if isinstance(value, np.ndarray):
        shape = "x".join(map(str, value.shape))
        return f"{value.dtype} {shape} in [{value.min()}, {value.max()}]"
    return repr(value)
