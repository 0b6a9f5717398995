"""Operators of float32 between int8 and int8: read as the tables and movements that they are.

TensorFlow's converter leaves in float32 what it has no int8 form of: a negation or a square, the
SPLIT of an unrolled LSTM's gates. What computes element by element from one int8 tensor is a
function of one int8, and stays one where it is moved or joined with others. So the bytes are moved
as int8, in front of a table of all 256 values, or behind it where several are joined. Rounding is
the reference's: dequantized, computed and quantized in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import is_per_tensor_int8
from tinydeploy.graph.fixed_point import INT8_MAX, INT8_MIN, clamp, round_array
from tinydeploy.graph.real_functions import Reals
from tinydeploy.graph.real_operators import apply_real
from tinydeploy.graph.tensor import TRUTH, Quantization, Tensor
from tinydeploy.graph.tflite_file import MAX_OPERATORS, Operator, TfliteFile

_MOVES: Final = (
    *("BROADCAST_TO", "DEPTH_TO_SPACE", "EXPAND_DIMS", "GATHER", "MIRROR_PAD", "RESHAPE"),
    *("REVERSE_V2", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE"),
    *("TILE", "TRANSPOSE", "UNPACK"),
)
_JOINS: Final = ("CONCATENATION", "PACK")
_GONE: Final = Operator("", "", (), (), {})


@dataclass(frozen=True, eq=False)
class _Function:
    """A float32 tensor whose every element is a function of an int8 tensor's, or a truth value's.

    Args:
        source: The tensor of int8 or of truth values, of the same shape.
        values: Of each int8: float32 [256]; or of false and true: float32 [2].
    """

    source: int
    values: Reals


@dataclass(frozen=True, eq=False)
class _Joined:
    """A float32 tensor that an operator joins of others."""

    operator: Operator
    parts: tuple[_Function, ...]


_Real = _Function | _Joined


@dataclass
class _Walk:
    """The file as it becomes, operator by operator.

    Args:
        file: The file.
        tensors: Its tensors, and those behind them.
        known: Float32 tensors by id.
    """

    file: TfliteFile
    tensors: list[Tensor]
    known: dict[int, _Real] = field(default_factory=dict)

    @property
    def added(self) -> int:
        """Tensors behind those of the file."""
        return len(self.tensors) - len(self.file.tensors)

    def add(self, like: Tensor, quantization: Quantization | None) -> int:
        """An int8 tensor with the name and shape of another one."""
        self.tensors.append(replace(like, dtype="int8", quantization=quantization))
        return len(self.tensors) - 1

    def add_constant(self, data: NDArray[np.int8], quantization: Quantization | None) -> int:
        """An int8 constant."""
        self.tensors.append(Tensor("", data.shape, "int8", quantization, data))
        return len(self.tensors) - 1


def join_islands(file: TfliteFile) -> TfliteFile:
    """The file with its operators of float32 as tables and movements of int8.

    What is left of an island has tensors behind the file's own. A file with anything else of
    float32 inside stays as it is.

    Args:
        file: Any file; its operators are not trusted.
    """
    if not any(operator.builtin in ("CAST", "DEQUANTIZE") for operator in file.operators):
        return file
    walk, operators = _Walk(file, list(file.tensors)), []
    for operator in file.operators:
        if not any(_is_real(file, t) for t in (*operator.inputs, *operator.outputs)):
            operators.append(operator)
            continue
        found = _convert(walk, operator)
        if found is None:
            return file
        operators.append(found)
    if any(t in walk.known for t in file.outputs):
        return file
    return replace(file, operators=tuple(operators), tensors=tuple(walk.tensors))


def _is_real(file: TfliteFile, tensor: int) -> bool:
    return tensor >= 0 and file.tensors[tensor].dtype == "float32"


def _convert(walk: _Walk, operator: Operator) -> Operator | None:
    """What becomes of an operator with float32 tensors; None where nothing can."""
    if operator.builtin == "DEQUANTIZE":
        return _dequantize(walk, operator)
    if operator.builtin == "QUANTIZE":
        return _quantize(walk, operator)
    if operator.builtin == "CAST":
        return _cast(walk, operator)
    reals = [walk.known[t] for t in operator.inputs if t in walk.known]
    if operator.builtin in _MOVES and len(reals) == 1:
        return _move(walk, operator, reals[0])
    if len(operator.outputs) != 1:
        return None
    parts = tuple(real for real in reals if isinstance(real, _Function))
    found: _Real | None = None
    if operator.builtin not in _JOINS:
        found = _compute(walk, operator)
    elif len(parts) == len(operator.inputs):
        found = _Joined(operator, parts)
    if found is None:
        return None
    walk.known[operator.outputs[0]] = found
    return _GONE


def _dequantize(walk: _Walk, operator: Operator) -> Operator | None:
    if len(operator.inputs) != 1 or len(operator.outputs) != 1 or operator.inputs[0] < 0:
        return None
    source = walk.tensors[operator.inputs[0]]
    if not is_per_tensor_int8(source) or source.data is not None or source.quantization is None:
        return None
    codes = np.arange(INT8_MIN, INT8_MAX + 1) - source.quantization.zero_point
    values = np.float32(source.quantization.scale) * codes.astype(np.float32)
    walk.known[operator.outputs[0]] = _Function(operator.inputs[0], values)
    return _GONE


def _cast(walk: _Walk, operator: Operator) -> Operator | None:
    """Truth values as the numbers 0 and 1."""
    if len(operator.inputs) != 1 or len(operator.outputs) != 1 or operator.inputs[0] < 0:
        return None
    source = walk.tensors[operator.inputs[0]]
    if source.dtype != TRUTH or source.data is not None:
        return None
    walk.known[operator.outputs[0]] = _Function(operator.inputs[0], np.arange(2, dtype=np.float32))
    return _GONE


def _quantize(walk: _Walk, operator: Operator) -> Operator | None:
    real = walk.known.get(operator.inputs[0]) if len(operator.inputs) == 1 else None
    if real is None or len(operator.outputs) != 1:
        return None
    if not is_per_tensor_int8(walk.tensors[operator.outputs[0]]):
        return None
    if isinstance(real, _Function):
        return _tabulate(walk, real, operator.outputs[0])
    if walk.added + len(real.parts) > MAX_OPERATORS:  # many readers of many parts
        return None
    quantization = walk.tensors[operator.outputs[0]].quantization
    inputs = [walk.add(walk.tensors[t], quantization) for t in real.operator.inputs]
    tables = [_tabulate(walk, *pair) for pair in zip(real.parts, inputs, strict=True)]
    return replace(
        real.operator, inputs=tuple(inputs), outputs=operator.outputs, before=tuple(tables)
    )


def _tabulate(walk: _Walk, real: _Function, output: int) -> Operator:
    """The operator that makes a function's values int8."""
    quantization = walk.tensors[output].quantization
    table = _quantize_values(real.values, quantization)
    if walk.tensors[real.source].dtype == TRUTH:
        choices = [walk.add_constant(table[n : n + 1], quantization) for n in (1, 0)]
        return Operator("SELECT_V2", "", (real.source, *choices), (output,), {})
    return Operator("QUANTIZE", "", (real.source,), (output,), {}, table=table)


def _quantize_values(values: Reals, quantization: Quantization | None) -> NDArray[np.int8]:
    assert quantization is not None  # is_per_tensor_int8 holds of the output
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values / np.float32(quantization.scale)
        beyond = ~(np.abs(scaled) < 2.0**31)
    # Ties away from zero; what lies outside of +-512 saturates for every zero point. What no int32
    # holds, infinities among it, becomes the least one, to which the zero point is then added.
    rounded = round_array(np.clip(np.where(beyond, 0, scaled), -512, 512))
    least = INT8_MAX if quantization.zero_point < 0 else INT8_MIN
    sums = np.where(beyond, least, rounded + quantization.zero_point)
    return clamp(sums, INT8_MIN, INT8_MAX)


def _move(walk: _Walk, operator: Operator, real: _Real) -> Operator | None:
    """Moves the bytes in place of what the function makes of them."""
    if isinstance(real, _Joined) or walk.tensors[real.source].dtype == TRUTH:
        return None
    quantization = walk.tensors[real.source].quantization
    outputs = []
    for tensor in operator.outputs:
        outputs.append(walk.add(walk.tensors[tensor], quantization))
        walk.known[tensor] = _Function(outputs[-1], real.values)
    inputs = tuple(real.source if t in walk.known else t for t in operator.inputs)
    return replace(operator, inputs=inputs, outputs=tuple(outputs))


def _compute(walk: _Walk, operator: Operator) -> _Real | None:
    """The function, or the parts joined, behind an operator that computes element by element."""
    reals = [walk.known.get(t) for t in operator.inputs]
    shape = walk.tensors[operator.outputs[0]].shape
    if any(walk.tensors[t].shape != shape for t in operator.inputs if t in walk.known):
        return None
    joined = [real for real in reals if isinstance(real, _Joined)]
    if not joined:
        return _apply(walk, operator, reals)
    if len(joined) != 1 or any(isinstance(real, _Function) for real in reals):
        return None
    parts: list[_Function] = []
    for part in joined[0].parts:
        found = _apply(walk, operator, [part if real else None for real in reals])
        if found is None:
            return None
        parts.append(found)
    return _Joined(joined[0].operator, tuple(parts))


def _apply(walk: _Walk, operator: Operator, reals: Sequence[_Real | None]) -> _Function | None:
    """The function that an operator makes of functions of one tensor and of single constants."""
    functions = [real for real in reals if isinstance(real, _Function)]
    if not functions or any(f.source != functions[0].source for f in functions):
        return None
    operands = []
    for tensor, real in zip(operator.inputs, reals, strict=True):
        if isinstance(real, _Function):
            operands.append(real.values)
            continue
        constant = walk.tensors[tensor].data if tensor >= 0 else None
        if constant is None or constant.size != 1 or constant.dtype != np.float32:
            return None
        operands.append(constant.reshape(1).astype(np.float32))
    values = apply_real(operator, operands)
    return None if values is None else _Function(functions[0].source, values)
