"""Reads an .onnx file as hostile input: whole, valid, with all of its weights, or not at all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from tinydeploy.errors import InputFileError

_MAX_BYTES = 1 << 29  # no network for a microcontroller comes near 512 MB
_ANEW = (
    "Export the network anew, e.g. torch.onnx.export(net, (example,), 'net.onnx', dynamo=False)."
)


def read_onnx_file(path: Path) -> onnx.ModelProto:
    """The model, with weights that it keeps in files beside it.

    Such files must lie in the folder of the .onnx file or below it: no other can be reached.

    Raises:
        InputFileError: The file or one beside it is missing, truncated, or damaged, or the model
            breaks a rule of ONNX.
    """
    model = _parse(path)
    total = 0
    for tensor in _list_tensors(model.graph):
        total += _count_bytes(path, tensor)
        if total > _MAX_BYTES:
            raise InputFileError(
                f"{path} has more than {_MAX_BYTES >> 20} MB of weights",
                "That is no network for a microcontroller.",
            )
        if tensor.data_location == TensorProto.EXTERNAL:
            _load_external(path, tensor)
    try:
        onnx.checker.check_model(model)
        for tensor in _list_tensors(model.graph):
            numpy_helper.to_array(tensor)
    except Exception as error:  # the checker and the decoder raise whatever a file makes them
        raise _invalid(path, error) from error
    return model


def _parse(path: Path) -> onnx.ModelProto:
    if not path.exists():
        raise InputFileError(f"there is no file {path}", "Is the path right?")
    if not path.is_file():
        raise InputFileError(f"{path} is no file", "Give the path of an .onnx file.")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputFileError(
                f"{path} is larger than {_MAX_BYTES >> 20} MB",
                "That is no network for a microcontroller.",
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        raise InputFileError(f"{path} is no ONNX file, or a truncated one", _ANEW) from error
    if not _is_text(model):
        raise InputFileError(f"{path} is no ONNX file, or a damaged one: a name in it is no text")
    if not model.graph.node:  # what other files happen to be read as
        raise InputFileError(f"{path} is no ONNX file: it holds no network", _ANEW)
    return model


def _is_text(message: Message) -> bool:
    """Whether all text is: protobuf gives bytes in the place of a str that is no UTF-8."""
    for field, value in message.ListFields():
        values = (value,) if isinstance(value, (str, bytes, Message)) else value
        if field.type == FieldDescriptor.TYPE_STRING and not all(
            isinstance(text, str) for text in values
        ):
            return False
        if field.type == FieldDescriptor.TYPE_MESSAGE and not all(map(_is_text, values)):
            return False
    return True


def _list_tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Weights and constants, those of subgraphs too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for subgraph in (attribute.g, *attribute.graphs):
                yield from _list_tensors(subgraph)


def _count_bytes(path: Path, tensor: TensorProto) -> int:
    """Bytes of a tensor's values by its shape and type, which may be lies."""
    try:
        item = int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except (KeyError, ValueError, TypeError) as error:
        raise InputFileError(
            f"{path}: the tensor {tensor.name!r} has the unknown type {tensor.data_type}", _ANEW
        ) from error
    if min(tensor.dims, default=0) < 0:
        raise InputFileError(
            f"{path}: the tensor {tensor.name!r} has the shape {list(tensor.dims)}", _ANEW
        )
    return math.prod(map(int, tensor.dims)) * item


def _load_external(path: Path, tensor: TensorProto) -> None:
    """Puts the values of a tensor into the model that a file beside it holds."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    size = _count_bytes(path, tensor)
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
        file = (path.parent / location).resolve()
        inside = file.is_relative_to(path.parent.resolve())
        if not location or not inside or offset < 0 or length != size:
            raise InputFileError(
                f"{path}: the tensor {tensor.name!r} says that its {size} bytes are {length} bytes "
                f"at {offset} of '{location}'",
                "The weights must lie in a file in the same folder. " + _ANEW,
            )
        if not file.is_file():
            raise InputFileError(
                f"{path} keeps its weights in the file {location}, which is not beside it",
                "Copy both files, or export into one: torch.onnx.export(..., external_data=False).",
            )
        with file.open("rb") as stream:
            stream.seek(offset)
            values = stream.read(size)
    except (OSError, ValueError) as error:
        raise InputFileError(
            f"{path}: cannot read the weights {tensor.name!r} from '{location}': {error}", _ANEW
        ) from error
    if len(values) != size:
        raise InputFileError(
            f"{path.parent / location} is truncated: it ends within {tensor.name!r}",
            "Copy it again, or export the network anew.",
        )
    tensor.ClearField("external_data")
    tensor.data_location = TensorProto.DEFAULT
    tensor.raw_data = values


def _invalid(path: Path, error: Exception) -> InputFileError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(": ")
    return InputFileError(f"{path} is not a valid ONNX model: {reason}", _ANEW)
