"""Rewrites a .tflite for closer looks: some of its operators alone, or each one by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinydeploy.graph.op import TYPES

_EMPTY = 0  # the buffer without data, in every .tflite


def keep_operators(
    model: bytes,
    operators: Collection[int],
    *,
    outputs: Sequence[int],
    inputs: Sequence[int] | None = None,
) -> bytes:
    """The file with only the operators of these numbers; tensors keep their ids.

    What none of them needs has neither data nor quantization any more.

    Args:
        model: A sound .tflite file.
        operators: Their numbers in the file.
        outputs: Tensors that become the outputs.
        inputs: Tensors that become the inputs; None for those that the model has.
    """

    def rewrite(subgraph: Any) -> None:
        kept = enumerate(subgraph.operators)
        subgraph.operators = [operator for number, operator in kept if number in operators]
        subgraph.outputs = list(outputs)
        if inputs is not None:
            subgraph.inputs = list(inputs)
        needed = {*subgraph.inputs, *subgraph.outputs}
        for operator in subgraph.operators:
            needed.update(operator.inputs, operator.outputs)
        for number, tensor in enumerate(subgraph.tensors):
            if number not in needed:
                tensor.buffer, tensor.quantization = _EMPTY, None

    return _rewrite(model, rewrite)


@dataclass(frozen=True)
class SeparateOperators:
    """A model whose operators read nothing of each other.

    Args:
        tflite: The file.
        inputs: Tensors of the original that are its inputs, in order.
        outputs: Tensors of the original that its outputs stand for, in order.
    """

    tflite: bytes
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def separate_operators(model: bytes, wanted: Mapping[int, int]) -> SeparateOperators:
    """Makes every activation that an operator reads an input, and every one it writes an output.

    So one run shows what each operator makes of inputs that are given, not of what others made.
    Operators that are not wanted, among them those that compute shapes, are left out.

    Args:
        model: A sound .tflite file.
        wanted: By tensor that is to be an output, the number of its operator.
    """
    inputs: list[int] = []

    def rewrite(subgraph: Any) -> None:
        numbers = set(wanted.values())
        subgraph.operators = [o for n, o in enumerate(subgraph.operators) if n in numbers]
        for operator in subgraph.operators:
            inputs.extend(t for t in operator.inputs if t >= 0 and _is_read(subgraph, written, t))
            written_to = list(operator.outputs)
            for place, tensor in enumerate(written_to):
                subgraph.tensors.append(copy.deepcopy(subgraph.tensors[tensor]))
                written_to[place] = copies[tensor] = len(subgraph.tensors) - 1
            operator.outputs = written_to
        inputs[:] = dict.fromkeys(inputs)
        subgraph.inputs = list(inputs)
        subgraph.outputs = [copies[tensor] for tensor in wanted]

    written = _list_written(model)
    copies: dict[int, int] = {}
    return SeparateOperators(_rewrite(model, rewrite), tuple(inputs), tuple(wanted))


def _list_written(model: bytes) -> set[int]:
    """Tensors that are no constants."""
    subgraph = _unpack(model).subgraphs[0]
    return {int(t) for t in subgraph.inputs} | {
        int(t) for operator in subgraph.operators for t in operator.outputs
    }


def _is_read(subgraph: Any, written: set[int], tensor: int) -> bool:
    from ai_edge_litert import schema_py_generated as schema

    types = {getattr(schema.TensorType, name.upper()) for name in TYPES}
    return tensor in written and subgraph.tensors[tensor].type in types


def _unpack(model: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(model, 0)


def _rewrite(model: bytes, rewrite: Callable[[Any], None]) -> bytes:
    import flatbuffers

    root = _unpack(model)
    rewrite(root.subgraphs[0])
    root.signatureDefs = None  # they name inputs and outputs that may be gone
    needed = {tensor.buffer for subgraph in root.subgraphs for tensor in subgraph.tensors}
    needed |= {metadata.buffer for metadata in root.metadata or ()}
    for number, buffer in enumerate(root.buffers):
        if number not in needed:
            buffer.data = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output())
