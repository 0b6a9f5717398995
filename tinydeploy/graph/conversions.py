"""Float32 and uint8 ends of a file: cut off where a conversion from or to integers is all of them.

A model that is int8 or int16 inside may begin with a QUANTIZE of a float32 or uint8 input and end
with a DEQUANTIZE, or with a QUANTIZE to uint8. The firmware takes and gives what is between, whose
scale and zero point its header states. What is left is a file of its own, which any interpreter
runs: so all that follows sees and proves the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tflite

from tinydeploy.graph.op import TYPES
from tinydeploy.graph.tflite_file import Operator, TfliteFile, parse_tflite

_CONVERTED = ("float32", "uint8")
# Fields of the schema's table SubGraph: where a flatbuffer's table says that they are.
_INPUTS, _OUTPUTS, _OPERATORS = 6, 8, 10


@dataclass(frozen=True)
class IntegerEnds:
    """A file whose ends are int8 or int16 wherever a conversion stood there.

    Args:
        tflite: The file; as it was where it has no such end.
        notes: A sentence for each end that was cut off.
    """

    tflite: bytes
    notes: tuple[str, ...]


def cut_conversions(data: bytes) -> IntegerEnds:
    """Cuts the conversions off that a file begins and ends with.

    Args:
        data: A .tflite file. It is not trusted.

    Raises:
        InputFileError: It is no .tflite file, or a damaged one.
        UnsupportedModelError: It has several subgraphs or too many parts.
    """
    file = parse_tflite(data)
    inputs, outputs = list(file.inputs), list(file.outputs)
    gone: set[int] = set()
    notes = []
    for place, tensor in enumerate(inputs):
        found = _reader(file, tensor)
        if found is not None and file.operators[found].outputs[0] not in inputs:
            inputs[place] = file.operators[found].outputs[0]
            gone.add(found)
            notes.append(_note(file, "input", tensor, inputs[place], "takes"))
    for place, tensor in enumerate(outputs):
        found = _writer(file, tensor)
        if found is None or found in gone:
            continue
        source = file.operators[found].inputs[0]
        if source not in (*inputs, *outputs):
            outputs[place] = source
            gone.add(found)
            notes.append(_note(file, "output", tensor, source, "gives"))
    if not gone:
        return IntegerEnds(data, ())
    return IntegerEnds(_rewrite(data, inputs, outputs, gone), tuple(notes))


def _reader(file: TfliteFile, tensor: int) -> int | None:
    """The QUANTIZE that alone reads a float32 or uint8 input."""
    readers = [i for i, operator in enumerate(file.operators) if tensor in operator.inputs]
    if len(readers) != 1 or file.tensors[tensor].dtype not in _CONVERTED or tensor in file.outputs:
        return None
    operator = file.operators[readers[0]]
    return (
        readers[0] if operator.builtin == "QUANTIZE" and _ends_quantized(file, operator) else None
    )


def _writer(file: TfliteFile, tensor: int) -> int | None:
    """The DEQUANTIZE or QUANTIZE that writes a float32 or uint8 output, which nobody reads."""
    writers = [i for i, operator in enumerate(file.operators) if tensor in operator.outputs]
    read = any(tensor in operator.inputs for operator in file.operators)
    if len(writers) != 1 or file.tensors[tensor].dtype not in _CONVERTED or read:
        return None
    operator = file.operators[writers[0]]
    converts = operator.builtin in ("DEQUANTIZE", "QUANTIZE") and len(operator.inputs) == 1
    source = operator.inputs[0] if converts else -1
    return writers[0] if source >= 0 and _is_quantized(file, source) else None


def _ends_quantized(file: TfliteFile, operator: Operator) -> bool:
    return len(operator.outputs) == 1 and _is_quantized(file, operator.outputs[0])


def _is_quantized(file: TfliteFile, tensor: int) -> bool:
    return file.tensors[tensor].dtype in TYPES and file.tensors[tensor].data is None


def _note(file: TfliteFile, end: str, tensor: int, kept: int, does: str) -> str:
    record, inner = file.tensors[tensor], file.tensors[kept].dtype
    return (
        f"the model's {end} {record.name!r} is {record.dtype}; the firmware {does} the {inner} "
        f"that it is converted {'to' if end == 'input' else 'from'}, whose scale and "
        "zero point are in the header"
    )


def _rewrite(data: bytes, inputs: Sequence[int], outputs: Sequence[int], gone: set[int]) -> bytes:
    """The file with other ends and without some operators; everything stays where it is."""
    copy = bytearray(data)
    table = tflite.Model.GetRootAs(data, 0).Subgraphs(0)._tab
    for field, tensors in ((_INPUTS, inputs), (_OUTPUTS, outputs)):
        struct.pack_into(f"<{len(tensors)}i", copy, _vector(table, field), *tensors)
    # Operators are offsets, each from its own place to that of a table further down.
    start = _vector(table, _OPERATORS)
    (count,) = struct.unpack_from("<I", data, start - 4)
    offsets = struct.unpack_from(f"<{count}I", data, start)
    kept = [start + 4 * i + offset for i, offset in enumerate(offsets) if i not in gone]
    for i, target in enumerate(kept):
        struct.pack_into("<I", copy, start + 4 * i, target - (start + 4 * i))
    struct.pack_into("<I", copy, start - 4, len(kept))
    return bytes(copy)


def _vector(table: Any, field: int) -> int:
    """Where the elements of a vector begin."""
    return int(table.Vector(table.Offset(field)))
