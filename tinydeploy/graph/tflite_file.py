"""A .tflite file taken apart: bytes that nobody vouches for in, checked records out."""

from __future__ import annotations

import functools
import inspect
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tflite
from flatbuffers import number_types
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.graph.tensor import Quantization, Tensor

MAX_OPERATORS: Final = 10_000
MAX_TENSORS: Final = 100_000
MAX_RANK: Final = 8
MAX_OPERANDS: Final = 1_000
MAX_METADATA: Final = 1_000
MAX_SUBGRAPHS: Final = 16

_DTYPES: Final = {
    number: name.lower()
    for name, number in vars(tflite.TensorType).items()
    if isinstance(number, int)
}
# Types whose constants are read; the others may appear in a file, but their constants stay bytes.
_NUMPY_DTYPES: Final = {
    "int8": "<i1",
    "uint8": "<u1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "float32": "<f4",
    "bool": "?",
}
_BUILTINS: Final = {
    number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)
}
_OPTIONS: Final = {
    number: name
    for name, number in vars(tflite.BuiltinOptions).items()
    if isinstance(number, int) and number != 0
}
_CUSTOM: Final = tflite.BuiltinOperator.CUSTOM
_WITHOUT_OUTPUT: Final = ("ASSIGN_VARIABLE", "CALL_ONCE")


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator as in the file; all ids are in range.

    Args:
        builtin: Name in the schema, "CUSTOM" for custom operators, "BUILTIN_<n>" for unknown ones.
        custom: Name of a custom operator, else "".
        inputs: Tensor ids; -1 for an input left out.
        outputs: Tensor ids; at least one, but for what only assigns variables.
        options: Scalar fields of the options, by the name of their accessor; empty without options.
            Those of VAR_HANDLE are bytes or None.
        intermediates: Tensor ids; their quantization tells how the operator computes inside.
        before: What the reader puts in front of the operator; a file has none.
        table: Of a QUANTIZE that stands for others: the output for each int8; a file has none.
    """

    builtin: str
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]
    intermediates: tuple[int, ...] = ()
    before: tuple[Operator, ...] = ()
    table: NDArray[np.int8] | None = None


@dataclass(frozen=True, eq=False)
class Subgraph:
    """A graph that an operator runs: its tensors and operators."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True, eq=False)
class TfliteFile:
    """What a .tflite file holds.

    Args:
        tensors: All tensors, by id.
        operators: In the file's order, which nobody has checked.
        inputs: Ids of the model's inputs.
        outputs: Ids of the model's outputs.
        others: The file's other graphs, which CALL_ONCE runs, from number 1 on.
        kept: Ids of tensors that are needed besides the outputs.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    others: tuple[Subgraph, ...] = ()
    kept: tuple[int, ...] = ()


def parse_tflite(data: bytes) -> TfliteFile:
    """Takes a .tflite file apart; reads in time and memory proportional to its size.

    Args:
        data: The whole file.

    Raises:
        InputFileError: It is no .tflite file, or a damaged one.
        UnsupportedModelError: It has several subgraphs, sparse tensors or too many parts.
    """
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise InputFileError(
            "this is not a .tflite file: the identifier TFL3 is missing",
            "Give a TensorFlow Lite model; other formats have other endings.",
        )
    try:
        return _Parser(data).parse()
    except (
        struct.error,
        IndexError,
        TypeError,
        ValueError,
        OverflowError,
        AttributeError,
        KeyError,
        MemoryError,
    ) as error:
        # The accessors generated from the schema check nothing: an offset that points outside of
        # the file ends in one of these.
        raise _damaged(f"an offset or a length points outside of it ({error})") from error


def _damaged(what: str) -> InputFileError:
    return InputFileError(
        f"the .tflite file is damaged: {what}", "Copy or export the model once more."
    )


def _too_many_subgraphs(count: int) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"the model has {count} subgraphs; one is supported, and those that CALL_ONCE runs",
        "Export it without control flow (IF, WHILE) and with one signature.",
    )


class _Parser:
    """Walks the tables of one file.

    Every vector is paid for, by its bytes, from a budget in proportion to the file: a sound file
    uses each byte about once, so a file whose tables share one huge vector many times over is
    refused instead of read for hours.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.budget = 4 * len(data) + 1_000_000

    def parse(self) -> TfliteFile:
        model = tflite.Model.GetRootAs(self.data, 0)
        if model.Version() != 3:
            raise InputFileError(f"the .tflite file has schema version {model.Version()}, not 3")
        subgraphs = self._length(model, "Subgraphs")
        if not 1 <= subgraphs <= MAX_SUBGRAPHS:
            raise _too_many_subgraphs(subgraphs)
        buffers = self._length(model, "Buffers")
        codes = tuple(self._codes(model))
        graph, *others = (
            self._subgraph(model, model.Subgraphs(i), codes, buffers) for i in range(subgraphs)
        )
        called = {
            operator.options.get("InitSubgraphIndex")
            for operator in graph.operators
            if operator.builtin == "CALL_ONCE"
        }
        if not called.issuperset(range(1, subgraphs)):
            raise _too_many_subgraphs(subgraphs)
        count, table = len(graph.tensors), model.Subgraphs(0)
        inputs = self._ids(table, "Inputs", count, least=0)
        outputs = self._ids(table, "Outputs", count, least=0)
        return TfliteFile(graph.tensors, graph.operators, inputs, outputs, tuple(others))

    def _subgraph(
        self,
        model: tflite.Model,
        graph: tflite.SubGraph,
        codes: tuple[tuple[str, str], ...],
        buffers: int,
    ) -> Subgraph:
        tensor_count = self._length(graph, "Tensors")
        operator_count = self._length(graph, "Operators")
        if tensor_count > MAX_TENSORS or operator_count > MAX_OPERATORS:
            raise UnsupportedModelError(
                f"the model has {operator_count} operators and {tensor_count} tensors; at most "
                f"{MAX_OPERATORS} and {MAX_TENSORS} are supported"
            )
        tensors = tuple(
            self._tensor(model, graph.Tensors(i), i, buffers) for i in range(tensor_count)
        )
        operators = tuple(
            self._operator(graph.Operators(i), i, codes, tensor_count)
            for i in range(operator_count)
        )
        return Subgraph(tensors, operators)

    def _length(self, table: Any, field: str, width: int = 4) -> int:
        length = int(getattr(table, f"{field}Length")())
        self.budget -= length * width
        if self.budget < 0:
            raise _damaged(f"{field} has {length} entries, more than the file can hold")
        return length

    def _array(self, table: Any, field: str, width: int) -> NDArray[Any]:
        if self._length(table, field, width) == 0:
            return np.empty(0, np.int64)
        array: NDArray[Any] = getattr(table, f"{field}AsNumpy")()
        return array

    def _integers(self, table: Any, field: str, width: int = 4) -> tuple[int, ...]:
        return tuple(int(value) for value in self._array(table, field, width))

    def _text(self, value: bytes | None) -> str:
        text = value or b""
        self.budget -= len(text)
        if self.budget < 0:
            raise _damaged("its names are longer than the file")
        return text.decode("utf-8", "replace")

    def _ids(self, table: Any, field: str, count: int, least: int) -> tuple[int, ...]:
        if self._length(table, field) > MAX_OPERANDS:
            raise UnsupportedModelError(f"an operator has more than {MAX_OPERANDS} {field.lower()}")
        ids = self._integers(table, field)
        for number in ids:
            if not least <= number < count:
                raise _damaged(f"tensor {number} of {count} is referred to")
        return ids

    def _codes(self, model: tflite.Model) -> Iterator[tuple[str, str]]:
        for i in range(self._length(model, "OperatorCodes")):
            code = model.OperatorCodes(i)
            code.Version()  # the copy that the reference gets is made by it: it must be readable
            # Old files have the number in a byte (field 0), new ones in an int32 beside it
            # (field 3), and most in both. The package's own accessor looks at the byte first.
            table = code._tab
            number = max(
                table.GetSlot(4, 0, number_types.Int8Flags),
                table.GetSlot(10, 0, number_types.Int32Flags),
            )
            custom = self._text(code.CustomCode()) if number == _CUSTOM else ""
            yield _BUILTINS.get(number, f"BUILTIN_{number}"), custom

    def _operator(
        self, table: tflite.Operator, index: int, codes: tuple[tuple[str, str], ...], count: int
    ) -> Operator:
        code = table.OpcodeIndex()
        if code >= len(codes):
            raise _damaged(f"operator {index} has code {code} of {len(codes)}")
        inputs = self._ids(table, "Inputs", count, least=-1)
        outputs = self._ids(table, "Outputs", count, least=0)
        builtin, custom = codes[code]
        if not outputs and builtin not in _WITHOUT_OUTPUT:
            raise _damaged(f"operator {index} has no output")
        options = _read_options(table)
        self.budget -= sum(len(v) for v in options.values() if isinstance(v, bytes))
        if self.budget < 0:
            raise _damaged("its names are longer than the file")
        intermediates = self._ids(table, "Intermediates", count, least=0)
        return Operator(builtin, custom, inputs, outputs, options, intermediates)

    def _tensor(
        self, model: tflite.Model, table: tflite.Tensor, index: int, buffers: int
    ) -> Tensor:
        name = self._text(table.Name())
        label = f"tensor {index} ({name!r})" if name else f"tensor {index}"
        if self._length(table, "Shape") > MAX_RANK:
            raise UnsupportedModelError(f"{label} has more than {MAX_RANK} dimensions")
        shape = self._integers(table, "Shape")
        if table.Sparsity() is not None:
            raise UnsupportedModelError(
                f"{label} is sparse", "Export the model without sparse tensors."
            )
        dtype = _DTYPES.get(table.Type(), f"type {table.Type()}")
        buffer = table.Buffer()
        if buffer >= max(buffers, 1):
            raise _damaged(f"{label} has buffer {buffer} of {buffers}")
        data = self._constant(model.Buffers(buffer), label, shape, dtype) if buffer else None
        if self._length(table, "ShapeSignature") not in (0, len(shape)):
            raise _damaged(f"{label} has a signature of another length than its shape")
        signature = self._integers(table, "ShapeSignature")
        variable = bool(table.IsVariable()) and data is None
        quantization = self._quantization(table, label)
        return Tensor(name, shape, dtype, quantization, data, signature, variable)

    def _constant(
        self, buffer: tflite.Buffer, label: str, shape: tuple[int, ...], dtype: str
    ) -> NDArray[Any] | None:
        """The values of a tensor with a buffer; None where the buffer is empty."""
        start, size = buffer.Offset(), buffer.Size()
        if start > 1:  # outside of the flatbuffer, as in files of more than 2 GB
            if size > len(self.data) or start > len(self.data) - size:
                raise _damaged(f"{label} lies outside of the file")
            raw: NDArray[Any] = np.frombuffer(self.data, np.uint8, size, start)
        else:
            # Not from the budget: tensors may well share a buffer, and nothing is copied.
            if buffer.DataLength() == 0:
                return None
            raw = buffer.DataAsNumpy()
        if dtype not in _NUMPY_DTYPES:
            return raw
        numpy_dtype = np.dtype(_NUMPY_DTYPES[dtype])
        if any(size < 0 for size in shape):
            raise _damaged(f"{label} is constant and has shape {list(shape)}")
        expected = math.prod(shape) * numpy_dtype.itemsize
        if expected != len(raw):
            raise _damaged(f"{label} has {len(raw)} bytes, its shape asks for {expected}")
        values = np.frombuffer(raw, numpy_dtype).reshape(shape)
        values.flags.writeable = False
        return values

    def _quantization(self, table: tflite.Tensor, label: str) -> Quantization | None:
        parameters = table.Quantization()
        if parameters is None:
            return None
        # Read without scales, too: the copy that the reference gets is made by what stands here.
        dimension = parameters.QuantizedDimension()
        if parameters.ScaleLength() == 0:
            return None
        if parameters.DetailsType() != 0:
            raise UnsupportedModelError(f"{label} has a custom quantization")
        scales = tuple(float(scale) for scale in self._array(parameters, "Scale", 4))
        zero_points = self._integers(parameters, "ZeroPoint", 8) or (0,) * len(scales)
        if len(zero_points) != len(scales):
            raise _damaged(f"{label} has {len(scales)} scales and {len(zero_points)} zero points")
        return Quantization(scales, zero_points, dimension)


def _read_options(operator: tflite.Operator) -> Mapping[str, Any]:
    union = operator.BuiltinOptions()
    name = _OPTIONS.get(operator.BuiltinOptionsType())
    if union is None or name is None:
        return {}
    table = getattr(tflite, name)()
    table.Init(union.Bytes, union.Pos)
    return {field: getattr(table, field)() for field in _scalar_fields(name)}


@functools.cache
def _scalar_fields(name: str) -> tuple[str, ...]:
    """Accessors of one options table that return a number."""
    cls = getattr(tflite, name)
    fields = [
        field
        for field, method in inspect.getmembers(cls, inspect.isfunction)
        if field[0].isupper() and list(inspect.signature(method).parameters) == ["self"]
    ]
    vectors = {field.removesuffix("Length") for field in fields if field.endswith("Length")}
    return tuple(
        field
        for field in fields
        if not any(field in (v, f"{v}Length", f"{v}AsNumpy", f"{v}IsNone") for v in vectors)
    )
