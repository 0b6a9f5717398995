"""How much RAM TensorFlow Lite Micro needs for a model at most, without running it.

Its arena holds activations, placed by a greedy planner, and its own structures, which grow from the
other end. The first are computed as the planner does it; of the others each count is known, and the
bytes for each are rounded up. `tests/project/test_format_tflm.py` compares with measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinydeploy.graph.tflite_file import Operator, TfliteFile

_ALIGNMENT = 16
# Bytes on 32-bit processors: of the interpreter itself; per tensor, operator and channel that is
# quantized for itself; of the tables of a SOFTMAX of int16; and while it plans, per activation.
_FIXED, _PER_TENSOR, _PER_OPERATOR, _PER_CHANNEL, _PER_TABLE = 512, 20, 160, 8, 2304
_PLANNING = 72
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
# Their kernels ask for scratch memory: sums of 32 bits, copies of inputs.
_WITH_SCRATCH = frozenset(
    """
    BATCH_MATMUL MEAN REDUCE_MAX REDUCE_MIN SUM SVDF TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
    """.split()  # noqa: SIM905 - as the schema writes them
)


@dataclass(frozen=True)
class Buffer:
    """Bytes that are needed from one operator to another, both included."""

    size: int
    first: int
    last: int


def bound_arena(file: TfliteFile) -> int:
    """Bytes of an arena that is large enough, a multiple of 16, for 32-bit processors.

    Args:
        file: The model; its operators are known to TensorFlow Lite Micro.
    """
    buffers = _list_buffers(file)
    kept = sum(t.size_bytes for t in file.tensors if t.variable)
    channels = sum(_count_channels(file, op) for op in file.operators)
    tables = sum(
        op.builtin == "SOFTMAX" and file.tensors[op.inputs[0]].dtype == "int16"
        for op in file.operators
    )
    own = (
        _FIXED
        + _PER_TENSOR * len(file.tensors)
        + _PER_OPERATOR * len(file.operators)
        + _PER_CHANNEL * channels
        + _PER_TABLE * tables
    )
    planned = place_greedily(buffers)
    return _round_up(own + kept + max(planned, _PLANNING * len(buffers)))


def place_greedily(buffers: Sequence[Buffer]) -> int:
    """Bytes that the planner takes: the largest buffers first, each at the lowest gap it fits in.

    Among equals the later one comes first.
    """
    placed: list[tuple[int, Buffer]] = []
    order = sorted(range(len(buffers)), key=lambda i: (-buffers[i].size, -i))
    for buffer in (buffers[i] for i in order):
        offset = 0
        for start, other in placed:
            if other.last < buffer.first or buffer.last < other.first:
                continue
            if start - offset >= buffer.size:
                break
            offset = max(offset, start + other.size)
        placed.append((offset, buffer))
        placed.sort(key=lambda place: place[0])
    return max((offset + buffer.size for offset, buffer in placed), default=0)


def _list_buffers(file: TfliteFile) -> list[Buffer]:
    """Activations by id, then scratch memory."""
    first = dict.fromkeys(file.inputs, 0)
    last: dict[int, int] = {}
    for position, operator in enumerate(file.operators):
        for tensor in operator.outputs:
            first.setdefault(tensor, position)
        last |= dict.fromkeys((*operator.inputs, *operator.outputs), position)
    last |= dict.fromkeys(file.outputs, max(0, len(file.operators) - 1))
    activations = [
        Buffer(_round_up(facts.size_bytes), first[tensor], last.get(tensor, first[tensor]))
        for tensor, facts in enumerate(file.tensors)
        if tensor in first and facts.data is None and not facts.variable
    ]
    scratch = [
        Buffer(_round_up(_scratch_bytes(file, operator)), position, position)
        for position, operator in enumerate(file.operators)
        if operator.builtin in _WITH_SCRATCH
    ]
    return activations + scratch


def _scratch_bytes(file: TfliteFile, operator: Operator) -> int:
    inputs = [file.tensors[i] for i in operator.inputs if i >= 0]
    sums = sum(8 * file.tensors[i].size for i in operator.outputs)
    return 64 + sums + sum(t.size_bytes for t in inputs if t.data is None or len(t.shape) > 1)


def _count_channels(file: TfliteFile, operator: Operator) -> int:
    if operator.builtin not in _WEIGHTED:
        return 0
    quantization = file.tensors[operator.inputs[1]].quantization
    return 0 if quantization is None else len(quantization.scales)


def _round_up(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
