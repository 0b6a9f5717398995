"""From ONNX bytes to a Network: the reader that walks the graph and collects what it cannot read.

What each ONNX operator becomes is told in tinydeploy.quantize.onnx_ops, one function per operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError, MissingDependencyError, UnsupportedModelError
from tinydeploy.quantize.network import Layer, Network, Shape

MAX_CONSTANT = 1 << 28  # elements; a folded constant beyond this is no weight of a small network


class UnsupportedNodeError(Exception):
    """A node that cannot become layers: what is wrong, and what to do instead."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


@dataclass(frozen=True, eq=False)
class Node:
    """An ONNX node.

    Args:
        op: Its operator.
        name: Its name, or what it writes where it has none.
        inputs: Names; empty for an optional input left out.
        outputs: Names.
        attributes: Python values by name; tensors as arrays, text as str.
        raw: The node itself.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    raw: Any

    @property
    def output(self) -> str:
        """The first output, the only one that is read."""
        return self.outputs[0]


@dataclass(eq=False)
class Reader:
    """What has been read so far; handed to the function of each operator.

    Args:
        constants: Values known without running the network.
        shapes: ONNX shapes, with a batch of 1, of activations.
        orders: For vectors that are flattened pictures: the (C, H, W) in whose order ONNX counts
            their elements, where TFLite counts (H, W, C).
        layers: The layers so far.
        aliases: Names of activations that are other activations.
    """

    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    orders: dict[str, Shape] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)

    def activation(self, node: Node, index: int = 0, *, ordered: bool = True) -> str:
        """The name of an input that is an activation.

        Args:
            node: The node.
            index: Which of its inputs.
            ordered: Whether the elements must be in the order that both formats share.
        """
        name = self.aliases.get(node.inputs[index], node.inputs[index])
        if name not in self.shapes:
            raise UnsupportedNodeError(f"its input {index} is a constant")
        if ordered and name in self.orders:
            raise UnsupportedNodeError(
                f"it reads a flattened picture {self.orders[name]} whose elements ONNX counts "
                "channel by channel and TFLite pixel by pixel",
                "pool the picture to 1x1 first, or follow the flattening by a linear layer",
            )
        return name

    def constant(self, node: Node, index: int) -> NDArray[Any] | None:
        """The value of an input; None for an optional one left out."""
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        if node.inputs[index] not in self.constants:
            raise UnsupportedNodeError(f"its input {index} is not a constant")
        return self.constants[node.inputs[index]]

    def weights(self, node: Node, index: int) -> NDArray[np.float64] | None:
        """A constant of real numbers; None for an optional one left out."""
        value = self.constant(node, index)
        if value is None:
            return None
        if not np.isfinite(value).all():
            raise UnsupportedNodeError(f"its constant input {index} has values that are not finite")
        return value.astype(np.float64)

    def add(self, layer: Layer, shape: Shape) -> None:
        """Appends a layer whose output has this ONNX shape."""
        if any(size < 1 for size in shape):
            raise UnsupportedNodeError(f"its output would have the shape {list(shape)}")
        self.layers.append(layer)
        self.shapes[layer.output] = shape

    def alias(self, node: Node, source: str) -> None:
        """Makes a node's output another name of an activation."""
        self.aliases[node.output] = source


NodeReader = Callable[[Node, Reader], None]
NODE_READERS: dict[str, NodeReader] = {}


def reads_op(*ops: str) -> Callable[[NodeReader], NodeReader]:
    """Decorator: registers the function for some ONNX operators."""

    def register(function: NodeReader) -> NodeReader:
        NODE_READERS.update(dict.fromkeys(ops, function))
        return function

    return register


def read_onnx(data: bytes, input_shape: Shape, name: str = "the ONNX model") -> Network:
    """Reads a network with one input and one output.

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
    graph = _parse_graph(data, name)
    import tinydeploy.quantize.onnx_ops as _  # noqa: F401 - fills the registry

    reader = Reader()
    _read_constants(graph, reader, name)
    inputs = [value.name for value in graph.input if value.name not in reader.constants]
    outputs = [value.name for value in graph.output]
    if len(inputs) != 1 or len(outputs) != 1:
        raise UnsupportedModelError(
            f"{name} has {len(inputs)} inputs and {len(outputs)} outputs",
            "Export a network with one input and one output.",
        )
    reader.shapes[inputs[0]] = tuple(input_shape)
    problems = _read_nodes(graph, reader)
    if problems:
        raise UnsupportedModelError(
            f"{name} has nodes that cannot be quantized:\n" + "\n".join(problems),
            f"Operators that can be: {', '.join(sorted(NODE_READERS))}.",
        )
    output = reader.aliases.get(outputs[0], outputs[0])
    if output not in reader.shapes or output == inputs[0]:
        raise UnsupportedModelError(f"the output {outputs[0]!r} of {name} is computed by no layer")
    if output in reader.orders:
        raise UnsupportedModelError(
            f"the output of {name} is a flattened picture of shape {reader.orders[output]}",
            "Leave the flattening out of the exported network.",
        )
    shapes = {tensor: to_nhwc(shape) for tensor, shape in reader.shapes.items()}
    return Network(inputs[0], output, tuple(_reachable(reader.layers, output)), shapes)


def to_nhwc(shape: Shape) -> Shape:
    """The shape of a tensor in TFLite's order of axes."""
    return (shape[0], *shape[2:], shape[1]) if len(shape) > 2 else shape


def _parse_graph(data: bytes, name: str) -> Any:
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
    return model.graph


def _read_constants(graph: Any, reader: Reader, name: str) -> None:
    from onnx import TensorProto, numpy_helper

    for tensor in graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            raise InputFileError(
                f"{name} keeps the weights {tensor.name!r} in another file",
                "Save it in one file: onnx.save(model, path, save_as_external_data=False).",
            )
        reader.constants[tensor.name] = numpy_helper.to_array(tensor)


def _read_nodes(graph: Any, reader: Reader) -> list[str]:
    """Reads all nodes; one line for each that cannot be read."""
    problems = []
    unknown: set[str] = set()
    for raw in graph.node:
        node = _parse_node(raw)
        unread = [i for i in node.inputs if i in unknown]
        try:
            if node.op not in NODE_READERS and not _is_constant(node, reader):
                raise UnsupportedNodeError("operator not supported")  # noqa: TRY301 - one handler
            if unread:  # what hangs on an unreadable node is not a problem of its own
                unknown.update(node.outputs)
            elif _is_constant(node, reader):
                _fold_constant(node, reader)
            else:
                NODE_READERS[node.op](node, reader)
        except UnsupportedNodeError as problem:
            problems.append(_describe_problem(node, reader, problem))
            unknown.update(node.outputs)
    return problems


def _describe_problem(node: Node, reader: Reader, problem: UnsupportedNodeError) -> str:
    shapes = []
    for name in node.inputs:
        shape = reader.shapes.get(reader.aliases.get(name, name))
        if shape is None and name in reader.constants:
            shape = reader.constants[name].shape
        shapes.append("x".join(map(str, shape)) if shape is not None else "?")
    advice = f" ({problem.advice})" if problem.advice else ""
    return f"  {node.name}: {node.op} of [{', '.join(shapes)}]: {problem.reason}{advice}"


def _parse_node(raw: Any) -> Node:
    import onnx
    from onnx import numpy_helper

    attributes: dict[str, Any] = {}
    for attribute in raw.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif isinstance(value, onnx.TensorProto):
            value = numpy_helper.to_array(value)
        attributes[attribute.name] = value
    domain = raw.domain if raw.domain not in ("", "ai.onnx") else ""
    op = f"{domain}.{raw.op_type}" if domain else raw.op_type
    name = raw.name or f"(writes {raw.output[0] if raw.output else 'nothing'})"
    return Node(op, name, tuple(raw.input), tuple(raw.output), attributes, raw)


_FOLDED = frozenset(
    (
        *(
            "Constant",
            "ConstantOfShape",
            "Identity",
            "Cast",
            "Shape",
            "Reshape",
            "Flatten",
            "Slice",
        ),
        *("Squeeze", "Unsqueeze", "Transpose", "Concat", "Gather", "Expand", "Range", "Where"),
        *("Add", "Sub", "Mul", "Div", "Neg", "Sqrt", "Pow", "Floor", "Equal", "ReduceProd"),
    )
)


def _is_constant(node: Node, reader: Reader) -> bool:
    """Whether a node's value is known: arithmetic on constants, or an activation's shape."""
    if node.op == "Shape":
        return True
    return node.op in _FOLDED and all(i in reader.constants or not i for i in node.inputs)


def _fold_constant(node: Node, reader: Reader) -> None:
    if node.op == "Shape":
        source = reader.aliases.get(node.inputs[0], node.inputs[0])
        shape = reader.shapes.get(source)
        if shape is None:
            shape = reader.constants[node.inputs[0]].shape
        start, end = node.attributes.get("start", 0), node.attributes.get("end")
        reader.constants[node.output] = np.array(shape[slice(start, end)], np.int64)
        return
    from onnx.reference import ReferenceEvaluator

    feeds = {name: reader.constants[name] for name in node.inputs if name}
    if node.op in ("ConstantOfShape", "Expand"):
        sizes = feeds[node.inputs[-1]].astype(np.float64)
        if np.prod(sizes) > MAX_CONSTANT:
            raise UnsupportedNodeError(f"a constant of shape {sizes.astype(int).tolist()}")
    try:
        values = ReferenceEvaluator(node.raw).run(None, feeds)
    except Exception as error:  # the evaluator raises whatever numpy does on a node's values
        raise UnsupportedNodeError(f"its constant value cannot be computed: {error}") from error
    for name, value in zip(node.outputs, values, strict=False):
        reader.constants[name] = np.asarray(value)


def _reachable(layers: list[Layer], output: str) -> list[Layer]:
    """The layers that the output depends on, in order."""
    needed, kept = {output}, []
    for layer in reversed(layers):
        if layer.output in needed:
            needed.update(layer.inputs)
            kept.append(layer)
    return kept[::-1]
