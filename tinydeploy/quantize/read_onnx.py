"""From ONNX bytes to a Network: the reader that walks the graph and collects what it cannot read.

What each ONNX operator becomes is told in tinydeploy.quantize.onnx_ops, one function per operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import tinydeploy.quantize.onnx_ops  # noqa: F401 - fills the registry
from tinydeploy.errors import InputFileError, MissingDependencyError, UnsupportedModelError
from tinydeploy.quantize.network import Layer, Network, Shape
from tinydeploy.quantize.onnx_constants import fold_constant, is_constant
from tinydeploy.quantize.onnx_functions import find_functions
from tinydeploy.quantize.onnx_reader import (
    NODE_READERS,
    Node,
    Reader,
    Source,
    UnsupportedNodeError,
)
from tinydeploy.quantize.onnx_refused import KEEPS_SHAPE, refuse_node
from tinydeploy.quantize.view import View, channels_last

Problem = tuple[Node, UnsupportedNodeError]


def read_onnx(data: bytes, input_shape: Shape, name: str = "the ONNX model") -> Network:
    """Reads a network with one input and any number of outputs.

    Outputs come as they are stored: channels last where they are pictures, [1, H, W, C]; no
    TRANSPOSE is added for them.

    Args:
        data: A serialized ONNX model; weights inside it.
        input_shape: (1, C, H, W), or (1, C).
        name: What to call the model in errors.

    Returns:
        Layers as the nodes tell, nothing folded yet; tensors keep their ONNX names.

    Raises:
        InputFileError: The bytes are no valid ONNX model.
        UnsupportedModelError: Nodes that cannot be read: one error that names them all.
        MissingDependencyError: The package onnx is not installed.
    """
    model = _parse_model(data, name)
    graph = model.graph
    reader = Reader(opset=_find_opset(model))
    _read_constants(graph, reader, name)
    inputs = [value.name for value in graph.input if value.name not in reader.constants]
    outputs = [value.name for value in graph.output]
    if len(inputs) != 1 or not outputs:
        raise UnsupportedModelError(
            f"{name} has {len(inputs)} inputs and {len(outputs)} outputs",
            "Export a network with one input; make what never changes a constant.",
        )
    stored = tuple(input_shape[axis] for axis in channels_last(len(input_shape)))
    if len(stored) == 3:  # as all activations of three axes: a picture of height 1
        stored = (1, *stored)
    reader.shapes[inputs[0]] = stored
    reader.sources[inputs[0]] = Source(inputs[0], _view_input(tuple(input_shape), stored))
    problems = _read_nodes(graph, reader)
    if problems:
        raise UnsupportedModelError(
            f"{name} has nodes that cannot be quantized:\n"
            + "\n".join(_describe_problems(problems, reader)),
            "docs/onnx.md lists what can be; `tinydeploy ops --onnx` prints it.",
        )
    stored_outputs = tuple(_store_output(reader, output, name) for output in outputs)
    tensors = tuple(source.tensor for source in stored_outputs)
    if inputs[0] in tensors:
        raise UnsupportedModelError(f"an output of {name} is computed by no layer")
    if len(set(tensors)) < len(tensors):
        raise UnsupportedModelError(
            f"outputs of {name} are the same numbers: {', '.join(outputs)}", "Export one of them."
        )
    return Network(
        inputs[0],
        tensors,
        tuple(_reachable(reader.layers, tensors)),
        reader.shapes,
        {name: source.view for name, source in reader.sources.items() if source.tensor == name},
        tuple(source.view for source in stored_outputs),
        reader.given,
    )


def _view_input(shape: Shape, stored: Shape) -> View:
    order = channels_last(4 if len(shape) == 3 else len(shape))
    view = View.of(stored, order)
    return view.drop(2) if len(shape) == 3 else view


def _store_output(reader: Reader, output: str, name: str) -> Source:
    if output not in reader.sources:
        raise UnsupportedModelError(f"the output {output!r} of {name} is computed by no layer")
    return reader.store_output(reader.sources[output])


def _parse_model(data: bytes, name: str) -> Any:
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError(
            "quantizing needs the package onnx", "Install tinydeploy[train]."
        ) from error
    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputFileError(
            f"{name} is not a valid ONNX model: {first_line}",
            "Export it anew, in one file with its weights, or check that it is complete.",
        ) from error
    return model


def _find_opset(model: Any) -> int:
    return max((entry.version for entry in model.opset_import if not entry.domain), default=1)


def _read_constants(graph: Any, reader: Reader, name: str) -> None:
    from onnx import TensorProto, numpy_helper

    for tensor in graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            raise InputFileError(
                f"{name} keeps the weights {tensor.name!r} in another file",
                "Save it in one file: onnx.save(model, path, save_as_external_data=False).",
            )
        try:
            constant = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as error:
            raise InputFileError(f"{name}: the weights {tensor.name!r} are broken") from error
        if constant.dtype.kind == "c":
            raise InputFileError(f"{name}: the weights {tensor.name!r} are complex numbers")
        reader.constants[tensor.name] = constant


def _read_nodes(graph: Any, reader: Reader) -> list[Problem]:
    """Reads all nodes that the outputs depend on; returns those that cannot be read."""
    problems: list[Problem] = []
    nodes = []
    for raw in graph.node:
        node = _parse_node(raw)
        nodes.append(node)
        if node.op != "Shape" and is_constant(node, reader):
            _attempt(fold_constant, node, reader, [])
    functions = find_functions(nodes, reader.constants)
    unknown: set[str] = set()
    for node in _needed(nodes, functions, [value.name for value in graph.output]):
        if all(output in reader.constants for output in node.outputs):
            continue
        function = functions.get(node.output)
        read = {function[0]} if function else set(node.inputs)
        if function and function[0] not in unknown:
            layer = function[1]
            source = reader.sources[function[0]]
            reader.add_like(replace(layer, inputs=(source.tensor,)), source)
        elif node.op not in NODE_READERS and not is_constant(node, reader):
            problems.append((node, refuse_node(node)))
            if node.op in KEEPS_SHAPE and node.inputs[0] in reader.sources:
                # What is behind it is read as if it were not there, and may have problems, too.
                reader.alias(node, reader.sources[node.inputs[0]])
            else:
                unknown.update(node.outputs)
        elif read & unknown:  # what hangs on an unreadable node is not a problem of its own
            unknown.update(node.outputs)
        else:
            reading = fold_constant if is_constant(node, reader) else NODE_READERS[node.op].read
            if not _attempt(reading, node, reader, problems):
                unknown.update(node.outputs)
    return problems


def _attempt(
    reading: Callable[[Node, Reader], None], node: Node, reader: Reader, problems: list[Problem]
) -> bool:
    """Reads a node; where that fails, says why."""
    try:
        reading(node, reader)
    except UnsupportedNodeError as problem:
        problems.append((node, problem))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A damaged file: attributes or inputs that are not there, or of another kind.
        problems.append((node, UnsupportedNodeError(f"it is malformed ({error})")))
    else:
        return True
    return False


def _needed(
    nodes: Sequence[Node], functions: Mapping[str, tuple[str, Layer]], outputs: Iterable[str]
) -> list[Node]:
    """The nodes that the outputs depend on, in order; functions written out need their source."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.isdisjoint(node.outputs):
            continue
        kept.append(node)
        function = functions.get(node.outputs[0])
        wanted.update(node.inputs if function is None else function[:1])
    return kept[::-1]


def _describe_problems(problems: Sequence[Problem], reader: Reader) -> Iterable[str]:
    """One line for each node: its name, operator and inputs' shapes, what is wrong, advice."""
    shapes = {name: source.shape for name, source in reader.sources.items()}
    shapes |= {name: constant.shape for name, constant in reader.constants.items()}
    for node, problem in problems:
        inputs = ", ".join(
            "x".join(map(str, shapes[name])) or "1" if name in shapes else "?"
            for name in node.inputs
            if name
        )
        advice = f" ({problem.advice})" if problem.advice else ""
        yield f"  {node.name}: {node.op} of [{inputs}]: {problem.reason}{advice}"


def _parse_node(raw: Any) -> Node:
    import onnx
    from onnx import numpy_helper

    attributes: dict[str, Any] = {}
    for attribute in raw.attribute:
        try:
            value = onnx.helper.get_attribute_value(attribute)
            if isinstance(value, onnx.TensorProto):
                value = numpy_helper.to_array(value)
        except (ValueError, TypeError, KeyError) as error:
            raise InputFileError(
                f"the attribute {attribute.name!r} of the node {raw.name!r} is broken",
                "Export the model anew.",
            ) from error
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        attributes[attribute.name] = value
    domain = raw.domain if raw.domain not in ("", "ai.onnx") else ""
    op = f"{domain}.{raw.op_type}" if domain else raw.op_type
    name = raw.name or f"(writes {raw.output[0] if raw.output else 'nothing'})"
    return Node(op, name, tuple(raw.input), tuple(raw.output), attributes, raw)


def _reachable(layers: list[Layer], outputs: Iterable[str]) -> list[Layer]:
    """The layers that the outputs depend on, in order."""
    needed, kept = set(outputs), []
    for layer in reversed(layers):
        if layer.output in needed:
            needed.update(layer.inputs)
            kept.append(layer)
    return kept[::-1]
