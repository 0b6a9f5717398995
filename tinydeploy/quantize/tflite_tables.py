"""The flatbuffer tables of a .tflite file, written from plain records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tflite
from flatbuffers import Builder

from tinydeploy.quantize.tflite_operators import (
    OptionValue,
    find_builtin,
    options_table,
    write_options,
)

TENSOR_TYPES = {
    "bool": tflite.TensorType.BOOL,
    "float16": tflite.TensorType.FLOAT16,
    "float32": tflite.TensorType.FLOAT32,
    "float64": tflite.TensorType.FLOAT64,
    "int8": tflite.TensorType.INT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "resource": tflite.TensorType.RESOURCE,
    "uint8": tflite.TensorType.UINT8,
    "uint16": tflite.TensorType.UINT16,
    "uint32": tflite.TensorType.UINT32,
}


@dataclass(frozen=True)
class TensorRecord:
    """A tensor; `buffer` is the index of its data, 0 for none; a variable keeps its values."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    buffer: int
    variable: bool = False


@dataclass(frozen=True)
class OpRecord:
    """An operator; `code` is the index of its builtin and version."""

    code: int
    builtin: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, OptionValue]
    intermediates: tuple[int, ...] = ()


@dataclass(frozen=True)
class GraphRecord:
    """Tensors by id, and operators in order of execution."""

    tensors: Sequence[TensorRecord]
    ops: Sequence[OpRecord]


@dataclass(frozen=True)
class ModelRecord:
    """A model.

    Args:
        buffers: Data of the constants; buffer 0 is empty, the one of all activations.
        codes: Builtin and version of each kind of operator.
        graphs: The main graph, and those that its operators run.
        inputs: Tensor ids of the main graph; the others have none.
        outputs: Likewise.
        description: Free text.
        metadata: Buffers by name.
    """

    buffers: Sequence[bytes]
    codes: Sequence[tuple[str, int]]
    graphs: Sequence[GraphRecord]
    inputs: Sequence[int]
    outputs: Sequence[int]
    description: str
    metadata: Mapping[str, bytes]


def write_model(model: ModelRecord) -> bytes:
    """Serializes a model; the data of every buffer lies at a multiple of 16 bytes."""
    builder = Builder(1024 + sum(map(len, model.buffers)))
    first_entry = len(model.buffers)
    buffers = [_write_buffer(builder, data) for data in (*model.buffers, *model.metadata.values())]
    main, *others = model.graphs
    subgraphs = [_write_graph(builder, main, "main", model.inputs, model.outputs)]
    subgraphs += [_write_graph(builder, graph, "", (), ()) for graph in others]
    codes = [_write_code(builder, builtin, version) for builtin, version in model.codes]
    metadata = [
        _write_metadata_entry(builder, name, first_entry + k)
        for k, name in enumerate(model.metadata)
    ]

    subgraphs_ = _write_vector(
        builder, tflite.ModelStartSubgraphsVector, subgraphs, "UOffsetTRelative"
    )
    codes_ = _write_vector(builder, tflite.ModelStartOperatorCodesVector, codes, "UOffsetTRelative")
    buffers_ = _write_vector(builder, tflite.ModelStartBuffersVector, buffers, "UOffsetTRelative")
    metadata_ = _write_vector(
        builder, tflite.ModelStartMetadataVector, metadata, "UOffsetTRelative"
    )
    text = builder.CreateString(model.description)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, codes_)
    tflite.ModelAddSubgraphs(builder, subgraphs_)
    tflite.ModelAddDescription(builder, text)
    tflite.ModelAddBuffers(builder, buffers_)
    if metadata:
        tflite.ModelAddMetadata(builder, metadata_)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _write_graph(
    builder: Builder,
    graph: GraphRecord,
    name: str,
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> int:
    tensors = [_write_tensor(builder, tensor) for tensor in graph.tensors]
    ops = [_write_op(builder, op) for op in graph.ops]
    tensors_ = _write_vector(
        builder, tflite.SubGraphStartTensorsVector, tensors, "UOffsetTRelative"
    )
    ops_ = _write_vector(builder, tflite.SubGraphStartOperatorsVector, ops, "UOffsetTRelative")
    inputs_ = _write_vector(builder, tflite.SubGraphStartInputsVector, inputs, "Int32")
    outputs_ = _write_vector(builder, tflite.SubGraphStartOutputsVector, outputs, "Int32")
    text = builder.CreateString(name)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors_)
    tflite.SubGraphAddInputs(builder, inputs_)
    tflite.SubGraphAddOutputs(builder, outputs_)
    tflite.SubGraphAddOperators(builder, ops_)
    tflite.SubGraphAddName(builder, text)
    return int(tflite.SubGraphEnd(builder))


def _write_vector(builder: Builder, start: object, values: Sequence[float], kind: str) -> int:
    start(builder, len(values))  # type: ignore[operator]
    prepend = getattr(builder, f"Prepend{kind}")
    for value in reversed(values):
        prepend(value)
    return int(builder.EndVector())


def _write_buffer(builder: Builder, data: bytes) -> int:
    vector = 0
    if data:
        builder.StartVector(1, len(data), 16)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        vector = builder.EndVector()
    tflite.BufferStart(builder)
    if data:
        tflite.BufferAddData(builder, vector)
    return int(tflite.BufferEnd(builder))


def _write_tensor(builder: Builder, tensor: TensorRecord) -> int:
    name = builder.CreateString(tensor.name)
    shape = _write_vector(builder, tflite.TensorStartShapeVector, tensor.shape, "Int32")
    quantization = 0
    if tensor.scales:
        start = tflite.QuantizationParametersStartScaleVector
        scales = _write_vector(builder, start, tensor.scales, "Float32")
        start = tflite.QuantizationParametersStartZeroPointVector
        zero_points = _write_vector(builder, start, tensor.zero_points, "Int64")
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, scales)
        tflite.QuantizationParametersAddZeroPoint(builder, zero_points)
        # The interpreter refuses a dimension that is not there, even where it means nothing.
        axis = tensor.axis if len(tensor.scales) > 1 or tensor.axis < len(tensor.shape) else 0
        tflite.QuantizationParametersAddQuantizedDimension(builder, axis)
        quantization = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, TENSOR_TYPES[tensor.dtype])
    tflite.TensorAddBuffer(builder, tensor.buffer)
    tflite.TensorAddName(builder, name)
    if quantization:
        tflite.TensorAddQuantization(builder, quantization)
    if tensor.variable:
        tflite.TensorAddIsVariable(builder, True)
    return int(tflite.TensorEnd(builder))


def _write_op(builder: Builder, op: OpRecord) -> int:
    inputs = _write_vector(builder, tflite.OperatorStartInputsVector, op.inputs, "Int32")
    outputs = _write_vector(builder, tflite.OperatorStartOutputsVector, op.outputs, "Int32")
    inner = 0
    if op.intermediates:
        start = tflite.OperatorStartIntermediatesVector
        inner = _write_vector(builder, start, op.intermediates, "Int32")
    _, union = options_table(op.builtin)
    options = write_options(builder, op.builtin, op.options)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, op.code)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if inner:
        tflite.OperatorAddIntermediates(builder, inner)
    if options:
        tflite.OperatorAddBuiltinOptionsType(builder, union)
        tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


def _write_code(builder: Builder, builtin: str, version: int) -> int:
    number = find_builtin(builtin)
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, number)
    tflite.OperatorCodeAddVersion(builder, version)
    return int(tflite.OperatorCodeEnd(builder))


def _write_metadata_entry(builder: Builder, name: str, buffer: int) -> int:
    text = builder.CreateString(name)
    tflite.MetadataStart(builder)
    tflite.MetadataAddName(builder, text)
    tflite.MetadataAddBuffer(builder, buffer)
    return int(tflite.MetadataEnd(builder))
