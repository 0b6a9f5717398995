"""Sizes that a file leaves open, found from those that it gives.

Models exported for any batch have a size of 1 in the file where the converter knew none, and say so
in the tensor's signature. With one image at a time, other sizes than the batch follow from the
number of elements; TensorFlow Lite computes the same when it allocates its tensors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tinydeploy.graph.lookup_tables import TABLES
from tinydeploy.graph.tensor import Tensor
from tinydeploy.graph.tflite_file import TfliteFile

_RENAMING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_SAME_SHAPE = (*TABLES, "SOFTMAX", "PRELU")


def find_open_sizes(file: TfliteFile) -> TfliteFile:
    """The file with sizes in place of those that it leaves open, as far as they follow.

    Args:
        file: Any file; its operators are not trusted.
    """
    tensors = list(file.tensors)
    for operator in file.operators:
        if len(operator.outputs) != 1 or not operator.inputs or operator.inputs[0] < 0:
            continue
        source, output = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
        if not any(size == -1 for size in output.signature[1:]):
            continue
        if operator.builtin in _RENAMING:
            tensors[operator.outputs[0]] = _fill(output, source.size)
        elif operator.builtin in _SAME_SHAPE and len(source.shape) == len(output.shape):
            tensors[operator.outputs[0]] = replace(output, shape=source.shape)
    return replace(file, tensors=tuple(tensors))


def _fill(tensor: Tensor, size: int) -> Tensor:
    """The tensor with so many elements, if only one size besides the batch is open."""
    given: Sequence[int] = (1, *tensor.signature[1:])
    known = math.prod(n for n in given if n != -1)
    if len(given) != len(tensor.shape) or given.count(-1) != 1 or known < 1 or size % known:
        return tensor
    return replace(tensor, shape=tuple(size // known if n == -1 else n for n in given))
