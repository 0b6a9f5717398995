"""The reference interpreter in this process: for small models of our own making."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from tinydeploy.validate.spell_sums import spell_sums


def run_litert(model: bytes, inputs: Sequence[NDArray[np.int8]]) -> list[NDArray[np.int8]]:
    """The model's outputs for one set of inputs, by LiteRT's reference kernels."""
    return [values[0] for values in run_litert_stream(model, [values[None] for values in inputs])]


def run_litert_stream(model: bytes, inputs: Sequence[NDArray[np.int8]]) -> list[NDArray[np.int8]]:
    """The outputs [n, ...] for n sets of inputs, one after the other: what is kept, is kept."""
    interpreter = Interpreter(
        model_content=spell_sums(model), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    outputs: list[list[NDArray[np.int8]]] = [[] for _ in interpreter.get_output_details()]
    for values in zip(*inputs, strict=True):
        for detail, value in zip(interpreter.get_input_details(), values, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        for found, detail in zip(outputs, interpreter.get_output_details(), strict=True):
            found.append(interpreter.get_tensor(detail["index"]))
    return [np.stack(found) for found in outputs]
