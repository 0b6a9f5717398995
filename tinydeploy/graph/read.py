"""Reading an int8 .tflite file: bytes in, a verified graph out, or an error with advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.graph.constraints import MAX_ELEMENTS, is_per_tensor_int8, is_per_tensor_int16
from tinydeploy.graph.detection import read_detector
from tinydeploy.graph.dilation import join_phases
from tinydeploy.graph.float_islands import join_islands
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.labels import read_labels
from tinydeploy.graph.names import model_name
from tinydeploy.graph.node import Node
from tinydeploy.graph.normalization import Normalization, read_normalization
from tinydeploy.graph.op import TYPES, Op
from tinydeploy.graph.op_table import activation_type, find_op, list_constraints
from tinydeploy.graph.ops import OPS, WIDE_OPS
from tinydeploy.graph.refused_ops import REFUSED
from tinydeploy.graph.shapes import find_open_sizes
from tinydeploy.graph.tensor import UNQUANTIZED, Tensor
from tinydeploy.graph.tflite_file import Operator, TfliteFile, parse_tflite
from tinydeploy.graph.variables import join_variables
from tinydeploy.graph.verify import verify_graph

_INT8_ADVICE = (
    "Quantize it to int8: give tinydeploy the float model as .onnx together with --data, or "
    "convert with TFLiteConverter, a representative dataset, target_spec.supported_ops = "
    "[TFLITE_BUILTINS_INT8] and inference_input_type = inference_output_type = tf.int8."
)
MAX_CONSTANT_BYTES: Final = 256 << 20
_SHOWN: Final = 8  # problems listed before "and n more"


def read_graph(source: Path | bytes, name: str | None = None) -> Graph:
    """Reads an int8 .tflite model.

    Args:
        source: The file, or its bytes. They are not trusted.
        name: Becomes the graph's name, made a C identifier; the file's name by default.

    Returns:
        The graph as the file has it, each operator one op, but for operators that no output depends
        on, such as those that compute the shape of a reshape; verified.

    Raises:
        InputFileError: The file is missing, unreadable, damaged or no .tflite file.
        UnsupportedModelError: It asks for something that cannot be deployed.
    """
    data = source if isinstance(source, bytes) else _load_file(source)
    if name is None:
        name = "model" if isinstance(source, bytes) else source.stem
    file = join_variables(join_islands(find_open_sizes(parse_tflite(data))))
    _check_dtypes(file)
    nodes = _live_nodes(file)
    _check_operators_known(nodes)
    _check_order(file, nodes)
    _check_model_ends(file)
    _check_sharing(nodes)
    _check_constraints(nodes)
    _check_inputs(file)
    inputs, outputs = (
        [file.tensors[tensor] for tensor in ids] for ids in (file.inputs, file.outputs)
    )
    detector = read_detector(data, inputs, outputs)
    graph = Graph(
        name=model_name(name),
        tensors=file.tensors,
        ops=tuple(_op_class(node).read(node) for node in nodes),
        inputs=file.inputs,
        outputs=file.outputs,
        labels=detector.spec.classes if detector else read_labels(data, outputs[0].shape[-1]),
        normalization=_read_normalization(data, inputs[0]),
        detector=detector,
    )
    verify_graph(graph)
    return graph


def _read_normalization(data: bytes, tensor: Tensor) -> Normalization | None:
    """What the metadata say of the first input, where it fits that input."""
    found = read_normalization(data)
    shape = tensor.shape
    return found if found is not None and len(shape) == 4 and found.fits(shape[3]) else None


def _load_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputFileError(
            f"{path} cannot be read: {reason}", "Check the path and its permissions."
        ) from error


def _live_nodes(file: TfliteFile) -> list[Node]:
    """The operators that an output or a variable depends on, in the file's order."""
    nodes = [
        node
        for index, operator in enumerate(file.operators)
        for part in (*operator.before, operator)
        for node in _make_nodes(file, index, part)
    ]
    nodes = join_phases(nodes)
    needed = {*file.outputs, *file.kept}
    live = []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
            live.append(node)
    return live[::-1]


def _make_nodes(file: TfliteFile, index: int, operator: Operator) -> Iterator[Node]:
    """One node for an operator, or one for each of its outputs."""
    ends = (*operator.inputs, *operator.outputs)
    dtype = activation_type(file.tensors[t] for t in ends if t >= 0)
    op = find_op(operator.builtin, dtype) or Op
    order = range(len(operator.inputs)) if op.input_order is None else op.input_order
    parts = [(t,) for t in operator.outputs] if op.splits else [operator.outputs]
    for which, outputs in enumerate(parts):
        yield Node(
            index=index,
            builtin=_full_name(operator),
            inputs=tuple(operator.inputs[i] for i in order if i < len(operator.inputs)),
            outputs=outputs,
            options=operator.options,
            tensors=file.tensors,
            which=which,
            siblings=operator.outputs,
            dtype=dtype,
            intermediates=operator.intermediates,
            table=operator.table,
        )


def _full_name(operator: Operator) -> str:
    """Its name in the schema, or that of a custom operator."""
    return f"custom operator {operator.custom!r}" if operator.custom else operator.builtin


def _check_dtypes(file: TfliteFile) -> None:
    """A float model is told apart first: all other complaints about it would mislead."""
    ends = {*file.inputs, *file.outputs}
    written = dict.fromkeys((*file.inputs, *(t for op in file.operators for t in op.outputs)))
    activations = [t for t in written if file.tensors[t].data is None]
    floats = [t for t in activations if file.tensors[t].dtype in ("float32", "float16")]
    if not floats:
        return
    first = file.tensors[floats[0]]
    if len(floats) == len(activations):
        raise UnsupportedModelError(f"the model is {first.dtype}, not int8", _INT8_ADVICE)
    if ends.issuperset(floats):
        raise UnsupportedModelError(
            f"the model is quantized inside, but its input or output is {first.dtype}",
            "Convert it with inference_input_type = inference_output_type = tf.int8.",
        )
    makers = [_full_name(op) for op in file.operators if not set(floats).isdisjoint(op.outputs)]
    unusual = [maker for maker in dict.fromkeys(makers) if maker != "DEQUANTIZE"]
    inside = _list_some(unusual or ["DEQUANTIZE"])
    reasons = [f"{maker}: {REFUSED[maker]}. " for maker in unusual if maker in REFUSED]
    raise UnsupportedModelError(
        f"the model is partly {first.dtype}: {len(floats)} of {len(activations)} activations, the "
        f"first of them {_tensor_label(first)}; they are made by {inside}",
        f"{''.join(reasons[:_SHOWN])}"
        "The converter leaves in float what it cannot quantize. Supported of that is what computes "
        f"element by element from one int8 tensor, where LiteRT's reference has it. {_INT8_ADVICE}",
    )


def _check_operators_known(nodes: Sequence[Node]) -> None:
    unknown = [node for node in nodes if find_op(node.builtin, node.dtype) is None]
    if unknown:
        names = [
            f"{node.builtin}{' of int16' if node.dtype == 'int16' else ''} (operator {node.index}, "
            f"output {_tensor_label(node.output)})"
            for node in unknown
        ]
        reasons = [
            f"{builtin}: {REFUSED[builtin]}. "
            for builtin in dict.fromkeys(node.builtin for node in unknown)
            if builtin in REFUSED
        ]
        supported = [
            f"Supported{' of int16' if dtype == 'int16' else ''} are {', '.join(sorted(table))}."
            for dtype, table in zip(TYPES, (OPS, WIDE_OPS), strict=True)
            if any(node.dtype == dtype for node in unknown)
        ]
        raise UnsupportedModelError(
            f"the model has operators that are not supported: {_list_some(names)}",
            f"{''.join(reasons[:_SHOWN])}{' '.join(supported)}",
        )


def _op_class(node: Node) -> type[Op]:
    """The class of a node whose operator is known."""
    return find_op(node.builtin, node.dtype) or Op


def _check_order(file: TfliteFile, nodes: Sequence[Node]) -> None:
    """Every tensor has one writer, and every activation is written before it is read."""
    _check_state(file, nodes)
    written = set(file.inputs)
    if len(written) != len(file.inputs) or any(file.tensors[t].data is not None for t in written):
        raise InputFileError("the model's inputs are constants or named twice", "Export it again.")
    for node in nodes:
        for tensor in node.activations:
            if tensor not in written:
                raise InputFileError(
                    f"{node.label} reads {_tensor_label(file.tensors[tensor])}, not written yet",
                    "The file is damaged, or the tensor is a state variable: not supported.",
                )
        for tensor in node.outputs:
            if tensor in written or file.tensors[tensor].data is not None:
                raise InputFileError(
                    f"{node.label} writes {_tensor_label(file.tensors[tensor])}, which is an "
                    "input, a constant or written before",
                    "Copy or export the model once more.",
                )
            written.add(tensor)
    if missing := [t for t in file.outputs if t not in written]:
        label = _tensor_label(file.tensors[missing[0]])
        raise InputFileError(f"the model's output {label} is never written", "Export it again.")
    if len({*file.inputs, *file.outputs}) != len(file.inputs) + len(file.outputs):
        raise UnsupportedModelError(
            "the model has an output that is an input too, or is named twice",
            "Export it with every output once, and computed.",
        )


def _check_state(file: TfliteFile, nodes: Sequence[Node]) -> None:
    """State belongs to one operator of those that keep some, and to nothing else."""
    owners: dict[int, Node] = {}
    for node in nodes:
        for tensor in node.variables:
            if not _op_class(node).has_state or tensor in owners:
                raise UnsupportedModelError(
                    f"{node.label} reads the state {_tensor_label(file.tensors[tensor])}, which "
                    "is not its own",
                    "Export the model so that only operators such as SVDF keep some, each its own.",
                )
            owners[tensor] = node
    ends = {*file.inputs, *file.outputs, *(t for node in nodes for t in node.outputs)}
    if any(file.tensors[t].variable for t in ends):
        raise UnsupportedModelError(
            "an input, an output or what an operator writes is a state variable",
            "Export the model without state variables, or with SVDF.",
        )


def _check_model_ends(file: TfliteFile) -> None:
    if not file.inputs or not file.outputs or not file.operators:
        raise UnsupportedModelError(
            f"the model has {len(file.inputs)} inputs, {len(file.outputs)} outputs and "
            f"{len(file.operators)} operators; at least one of each is needed",
            "Export a model that computes an output from an input.",
        )
    for t in (*file.inputs, *file.outputs):
        tensor = file.tensors[t]
        label = f"{_tensor_label(tensor)}, an input or output of the model,"
        if not tensor.shape or min(tensor.shape) < 1:
            raise UnsupportedModelError(
                f"{label} has shape {list(tensor.shape)}", "Export the model with fixed sizes."
            )
        if t in file.inputs and len(tensor.shape) > 1 and tensor.shape[0] != 1:
            raise UnsupportedModelError(
                f"{label} has a batch of {tensor.shape[0]}", "Export the model with a batch of 1."
            )
        if tensor.dtype not in TYPES and (t in file.inputs or tensor.dtype not in UNQUANTIZED):
            raise UnsupportedModelError(f"{label} is {tensor.dtype}, not int8", _INT8_ADVICE)


def _check_sharing(nodes: Sequence[Node]) -> None:
    """Bounds the time that checks take: a small file can name one big constant many times."""
    total = sum(
        data.nbytes
        for node in nodes
        for t in node.inputs
        if t >= 0 and (data := node.tensors[t].data) is not None
    )
    if total > MAX_CONSTANT_BYTES:
        raise UnsupportedModelError(
            f"the operators read {total >> 20} MB of constants, counted each time; at most "
            f"{MAX_CONSTANT_BYTES >> 20} MB are supported",
            "No microcontroller holds a model of this size; use a smaller one.",
        )


def _check_constraints(nodes: Sequence[Node]) -> None:
    problems = []
    for node in nodes:
        for constraint in list_constraints(_op_class(node), node.dtype):
            if not constraint(node):
                sentence = (constraint.__doc__ or "").strip().rstrip(".")
                problems.append(f"{node.label} needs that {sentence[0].lower()}{sentence[1:]}")
                break
    if problems:
        raise UnsupportedModelError(
            f"the model cannot be deployed as it is: {_list_some(problems)}",
            "Change the model so that this holds, or export it with other settings.",
        )


def _check_inputs(file: TfliteFile) -> None:
    """An input that no operator reads has met no constraint so far; it has its place all the same.

    What reads the others has checked them.
    """
    for tensor in (file.tensors[t] for t in file.inputs):
        usable = is_per_tensor_int8(tensor) or is_per_tensor_int16(tensor)
        if not usable or len(tensor.shape) > 6 or tensor.size > MAX_ELEMENTS:
            raise UnsupportedModelError(
                f"{_tensor_label(tensor)}, an input of the model, has shape {list(tensor.shape)} "
                "and not one scale and zero point that fit its type, or too many elements",
                "Export the model without inputs that nothing reads.",
            )


def _tensor_label(tensor: Tensor) -> str:
    return repr(tensor.name) if tensor.name else "a tensor without a name"


def _list_some(items: Sequence[str]) -> str:
    shown = "; ".join(items[:_SHOWN])
    more = len(items) - _SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown
