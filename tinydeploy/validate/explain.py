"""Where and why another runtime computes other bytes than LiteRT's reference, layer by layer.

A layer is looked at by itself: both runtimes are given the reference's inputs of it. So what a
layer shows is its own rounding, and not what came of another layer's; the first layer that shows
any is the first that differs in a whole run, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.take_apart import keep_operators, separate_operators
from tinydeploy.validate.tflm_rounding import run_fully_connected
from tinydeploy.validate.wide_softmax import run_graph_reference

Array = NDArray[Any]
Runtime = Literal["litert-reference", "litert-default", "tflm-double-rounding"]

RUNTIMES: Final[tuple[Runtime, ...]] = get_args(Runtime)

_FLOAT_REQUANTIZED = "XNNPACK multiplies sums by a float32 scale and rounds once, halves to even"
_ONE_INTEGER = "of scaled operands in one integer and rounds once; the reference rounds three times"
# What tests/validate/test_explain_reasons.py computes, of each of them.
REASONS: Final[Mapping[str, str]] = {
    "CONV_2D": _FLOAT_REQUANTIZED,
    "DEPTHWISE_CONV_2D": _FLOAT_REQUANTIZED,
    "TRANSPOSE_CONV": _FLOAT_REQUANTIZED,
    "FULLY_CONNECTED": _FLOAT_REQUANTIZED,
    "MUL": _FLOAT_REQUANTIZED,
    "MEAN": _FLOAT_REQUANTIZED,
    "ADD": f"XNNPACK takes the sum {_ONE_INTEGER}",
    "SUB": f"XNNPACK takes the difference {_ONE_INTEGER}",
    "SOFTMAX": "the default kernel takes exponentials and quotients in float32",
}
_OTHERWISE = "the default kernel computes in another way than the reference"
_TFLM = "TFLite Micro rounds twice to 31 bits; the reference multiplies in double, rounds once"


@dataclass(frozen=True)
class LayerDifference:
    """A layer that differs for equal inputs.

    Args:
        layer: Its position in the graph as read.
        kind: Its operator.
        tensor: Name of its output.
        elements: Compared: of all vectors.
        differing: Of them.
        largest: Difference of two of them, in steps of the output.
        why: What is known of the cause.
    """

    layer: int
    kind: str
    tensor: str
    elements: int
    differing: int
    largest: int
    why: str


@dataclass(frozen=True)
class Explanation:
    """How another runtime's outputs differ from the reference's, which are also the firmware's.

    Args:
        runtime: Which one.
        version: Of the interpreter that ran.
        vectors: Inputs that were tried.
        elements: Outputs compared.
        differing: Of them.
        largest: Difference of two of them, in steps of the output.
        layers: Those that differ for equal inputs, in order.
    """

    runtime: Runtime
    version: str
    vectors: int
    elements: int
    differing: int
    largest: int
    layers: tuple[LayerDifference, ...]


def explain_runtime(
    graph: Graph, model: bytes, inputs: Sequence[Array], runtime: Runtime
) -> Explanation:
    """Compares another runtime with the reference.

    Args:
        graph: The graph as read, unfused.
        model: Its file.
        inputs: One array [n, *shape] per model input.
        runtime: "litert-default" is LiteRT with its default kernels (XNNPACK);
            "tflm-double-rounding" is TFLite Micro's arithmetic, in which fully-connected layers
            differ, computed here; "litert-reference" is the reference itself, run once more.

    Raises:
        UnsupportedModelError: The interpreter cannot run the model.
    """
    separate = separate_operators(model, _find_separable(graph, model))
    read = dict.fromkeys((*separate.inputs, *separate.outputs, *graph.outputs))
    tensors = _run_whole(graph, model, inputs, list(read))
    alone = [tensors[tensor] for tensor in separate.inputs]
    version, found, outputs = _run_other(graph, model, inputs, tensors, runtime)
    if runtime != "tflm-double-rounding":
        resolver = "AUTO" if runtime == "litert-default" else "BUILTIN_REF"
        run = run_reference(separate.tflite, alone, resolver=resolver)
        found = dict(zip(separate.outputs, run.outputs, strict=True))
    expected = [tensors[tensor] for tensor in graph.outputs]
    differences = [_differ(a, b) for a, b in zip(expected, outputs, strict=True)]
    return Explanation(
        runtime=runtime,
        version=version,
        vectors=len(inputs[0]),
        elements=sum(values.size for values in expected),
        differing=sum(count for count, _ in differences),
        largest=max(most for _, most in differences),
        layers=tuple(_list_layers(graph, tensors, found, runtime)),
    )


def _find_separable(graph: Graph, model: bytes) -> dict[int, int]:
    """Number of the operator of the file that writes a tensor, for what is one operator there."""
    operators = parse_tflite(model).operators
    return {
        tensor: op.index
        for op in graph.ops
        for tensor in op.outputs
        if tensor in operators[op.index].outputs
    }


def _run_whole(
    graph: Graph, model: bytes, inputs: Sequence[Array], wanted: Sequence[int]
) -> dict[int, Array]:
    """What the reference makes of all vectors: [n, *shape] by tensor."""
    made = [tensor for tensor in wanted if tensor not in graph.inputs]
    operators = range(len(parse_tflite(model).operators))
    run = run_reference(keep_operators(model, operators, outputs=made), inputs)
    return {
        **dict(zip(graph.inputs, inputs, strict=True)),
        **dict(zip(made, run.outputs, strict=True)),
    }


def _run_other(
    graph: Graph,
    model: bytes,
    inputs: Sequence[Array],
    tensors: Mapping[int, Array],
    runtime: Runtime,
) -> tuple[str, dict[int, Array], Sequence[Array]]:
    """Version, layers where they are computed here, and outputs of a whole run."""
    if runtime == "litert-reference":
        whole = run_graph_reference(graph, model, inputs)
        return whole.version, {}, whole.outputs
    if runtime == "litert-default":
        run = run_reference(model, inputs, resolver="AUTO")
        return run.version.replace("AUTO", "default kernels"), {}, run.outputs
    dense = [op for op in graph.ops if isinstance(op, FullyConnected)]
    found = {op.outputs[0]: _run_dense(graph, op, tensors) for op in dense}
    return "computed by tinydeploy", found, _run_in_pieces(graph, model, inputs)


def _run_in_pieces(graph: Graph, model: bytes, inputs: Sequence[Array]) -> list[Array]:
    """A whole run in which fully-connected layers are computed here, the others by the reference.

    What lies between two fully-connected layers is one model.
    """
    operators = parse_tflite(model).operators
    dense = {op.index: op for op in graph.ops if isinstance(op, FullyConnected)}
    known = dict(zip(graph.inputs, inputs, strict=True))
    begin = 0
    for number in (*sorted(dense), len(operators)):
        piece = range(begin, number)
        read_later = {t for o in operators[number:] for t in o.inputs} | set(graph.outputs)
        made = [t for n in piece for t in operators[n].outputs if t in read_later]
        if made:
            written = {t for n in piece for t in operators[n].outputs}
            read = {t for n in piece for t in operators[n].inputs if t >= 0} - written
            given = [tensor for tensor in known if tensor in read]
            cut = keep_operators(model, piece, inputs=given, outputs=made)
            run = run_reference(cut, [known[tensor] for tensor in given])
            known |= dict(zip(made, run.outputs, strict=True))
        if number in dense:
            op = dense[number]
            known[op.outputs[0]] = _run_dense(graph, op, known)
        begin = number + 1
    missing = [tensor for tensor in graph.outputs if tensor not in known]
    if missing:
        raise UnsupportedModelError(f"output {missing[0]} of the model is not computed in order")
    return [known[tensor] for tensor in graph.outputs]


def _run_dense(graph: Graph, op: FullyConnected, tensors: Mapping[int, Array]) -> Array:
    return run_fully_connected(op, tensors[op.inputs[0]], graph.tensors[op.outputs[0]].shape)


def _list_layers(
    graph: Graph, expected: Mapping[int, Array], found: Mapping[int, Array], runtime: Runtime
) -> list[LayerDifference]:
    layers = []
    for position, op in enumerate(graph.ops):
        for tensor in op.outputs:
            if tensor not in found:
                continue
            differing, largest = _differ(expected[tensor], found[tensor])
            if differing:
                why = REASONS.get(op.kind, _OTHERWISE)
                layers.append(
                    LayerDifference(
                        layer=position,
                        kind=op.kind,
                        tensor=graph.tensors[tensor].name,
                        elements=expected[tensor].size,
                        differing=differing,
                        largest=largest,
                        why=_TFLM if runtime == "tflm-double-rounding" else why,
                    )
                )
    return layers


def _differ(a: Array, b: Array) -> tuple[int, int]:
    """How many elements differ, and by how much at most."""
    distance = np.abs(a.astype(np.int64) - b.astype(np.int64))
    return int(np.count_nonzero(distance)), int(distance.max(initial=0))
