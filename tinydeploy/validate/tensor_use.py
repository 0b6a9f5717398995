"""How the tensors of an int8 model use their 256 numbers: ranges, saturation, dead channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.tflite_file import Operator, parse_tflite
from tinydeploy.validate.reference import run_worker

# Operators whose outputs come near their ends by what they compute.
_SATURATING = frozenset({"LOGISTIC", "SOFTMAX", "TANH"})
_ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")


@dataclass(frozen=True)
class TensorUse:
    """What an int8 tensor was seen to hold.

    Args:
        name: Its name in the file.
        builtin: The operator that writes it.
        scale: Real value = scale * (q - zero_point).
        zero_point: See scale.
        low: Least q seen.
        high: Greatest q seen.
        saturated: Part of its values, 0 to 1, at -128 or 127 that nothing but the range has put
            there: no activation function ends there.
        channels: Size of its last axis.
        dead: Channels that held one number all the time.
        counts: How often each q occurred, from -128 on.
        tensor: Its id in the file.
    """

    name: str
    builtin: str
    scale: float
    zero_point: int
    low: int
    high: int
    saturated: float
    channels: int
    dead: tuple[int, ...]
    counts: tuple[int, ...]
    tensor: int

    @property
    def used(self) -> float:
        """Part of the 256 numbers between the least and the greatest one seen, 0 to 1."""
        return (self.high - self.low + 1) / 256


def measure_use(model: bytes, inputs: Sequence[NDArray[np.int8]]) -> tuple[TensorUse, ...]:
    """Runs a model in the reference interpreter and counts what its tensors hold.

    Args:
        model: An int8 .tflite.
        inputs: One int8 array [n, *input shape] per model input.

    Returns:
        The int8 outputs of all operators, in order.

    Raises:
        InputFileError: The file is damaged.
        UnsupportedModelError: The interpreter refuses the model.
    """
    file = parse_tflite(model)
    counted = run_worker(model, inputs, "BUILTIN_REF", ["--counts"])
    found = []
    for operator in file.operators:
        for number in operator.outputs:
            tensor = file.tensors[number]
            if f"counts_{number}" not in counted or tensor.quantization is None:
                continue
            counts = counted[f"counts_{number}"]
            lows, highs = counted[f"lows_{number}"], counted[f"highs_{number}"]
            scale, zero_point = tensor.affine
            found.append(
                TensorUse(
                    name=tensor.name,
                    builtin=operator.builtin,
                    scale=scale,
                    zero_point=zero_point,
                    low=int(lows.min()),
                    high=int(highs.max()),
                    saturated=_count_saturated(operator, counts, zero_point) / counts.sum(),
                    channels=len(lows),
                    dead=tuple(int(k) for k in np.flatnonzero(lows == highs)),
                    counts=tuple(int(count) for count in counts),
                    tensor=number,
                )
            )
    return tuple(found)


def _count_saturated(operator: Operator, counts: NDArray[np.int64], zero_point: int) -> int:
    """Values at an end of the range where no activation function ends."""
    if operator.builtin in _SATURATING:
        return 0
    activation = _ACTIVATIONS[int(operator.options.get("FusedActivationFunction", 0)) % 4]
    low = 0 if zero_point == -128 else int(counts[0])  # zero itself is met exactly
    high = 0 if activation in ("RELU6", "RELU_N1_TO_1") else int(counts[-1])
    return low + high
