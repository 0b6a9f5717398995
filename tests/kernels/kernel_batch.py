"""Many small layers in one .tflite: every case has an op, inputs and an output of its own.

One file means one run of the reference and one compilation for a whole table of cases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.model_builder import initialize
from tinydeploy.quantize.tflite_writer import TfliteWriter

Array = NDArray[Any]
Int8 = NDArray[np.int8]


@dataclass(frozen=True)
class Q:
    """Scale, zero point and type."""

    scale: float = 0.05
    zero: int = 0
    dtype: str = "int8"


class Batch:
    """Collects cases; `finish` gives the .tflite and random inputs for it."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.writer = TfliteWriter()
        self.names: list[str] = []  # of the cases, by output
        self._inputs: list[int] = []
        self._outputs: list[int] = []
        self._shapes: dict[int, tuple[int, ...]] = {}
        self._limits: dict[int, np.iinfo] = {}
        self._values: dict[int, Array] = {}
        self._initial: dict[str, Array] = {}

    def input(self, shape: Sequence[int], q: Q, values: Array | None = None) -> int:
        """A model input; `values` [n, *shape] fixes its vectors."""
        tensor = self.tensor(shape, q)
        self._inputs.append(tensor)
        if values is not None:
            self._values[tensor] = values
        return tensor

    def tensor(self, shape: Sequence[int], q: Q) -> int:
        """An activation."""
        scales, zeros = ([q.scale], [q.zero]) if q.dtype in ("int8", "int16") else (None, None)
        tensor = self.writer.add_tensor("", shape, q.dtype, scales=scales, zero_points=zeros)
        self._shapes[tensor] = tuple(shape)
        if q.dtype != "bool":
            self._limits[tensor] = np.iinfo(q.dtype)
        return tensor

    def constant(self, values: Array, q: Q) -> int:
        """A quantized constant."""
        return self.writer.add_tensor(
            "", values.shape, q.dtype, scales=[q.scale], zero_points=[q.zero], data=values
        )

    def variable(self, values: Array) -> int:
        """The handle of a variable with first values."""
        if not self._initial:
            self.writer.add_op("CALL_ONCE", [], [], {"InitSubgraphIndex": 1})
        name = f"variable{len(self._initial)}"
        self._initial[name] = values
        handle = self.writer.add_tensor(name, (), "resource")
        self.writer.add_op("VAR_HANDLE", [], [handle], {"SharedName": name})
        return handle

    def numbers(self, values: object) -> int:
        """An int32 constant that is not quantized: axes, paddings."""
        data = np.asarray(values, np.int32)
        return self.writer.add_tensor("", data.shape, "int32", data=data)

    def output(self, name: str, shape: Sequence[int], q: Q) -> int:
        """A model output: the last tensor of the case `name`."""
        tensor = self.tensor(shape, q)
        self._outputs.append(tensor)
        self.names.append(name)
        return tensor

    def op(
        self,
        builtin: str,
        inputs: Sequence[int],
        output: int | Sequence[int],
        options: Mapping[str, object] | None = None,
    ) -> None:
        """An operator; of several outputs, where they are given."""
        outputs = [output] if isinstance(output, int) else output
        self.writer.add_op(builtin, inputs, outputs, options)

    def weighted(
        self,
        builtin: str,
        source: int,
        weights: Int8,
        axis: int,
        scales: Sequence[float],
        bias: Array | None,
        output: int,
        options: Mapping[str, object],
        input_scale: float,
        *,
        shape: Sequence[int] | None = None,
    ) -> None:
        """An operator with weights, one scale or one per index of `axis`, and perhaps a bias.

        With the `shape` of its output it is a TRANSPOSE_CONV, which has it as an input.
        """
        zeros = [0] * len(scales)
        inputs = [
            self.writer.add_tensor(
                "", weights.shape, "int8", scales=scales, zero_points=zeros, axis=axis, data=weights
            ),
        ]
        if shape is None:
            inputs.insert(0, source)
        else:
            inputs = [self.numbers(shape), *inputs, source]
        if bias is not None:
            products = [max(float(np.float32(input_scale * s)), 1e-30) for s in scales]
            inputs.append(
                self.writer.add_tensor(
                    "", bias.shape, bias.dtype.name, scales=products, zero_points=zeros, data=bias
                )
            )
        self.op(builtin, inputs, output, options)

    def finish(self, vectors: int = 4) -> tuple[bytes, list[Array]]:
        """The .tflite, and per input an array [vectors, *shape].

        Of the vectors that a case does not fix, one is all of the type's least value, one all of
        its greatest, one of nothing but these two, the others are uniform.
        """
        arrays = []
        for tensor in self._inputs:
            shape, limits = self._shapes[tensor], self._limits[tensor]
            low, high, dtype = limits.min, limits.max, limits.dtype
            values = self.rng.integers(low, high + 1, (vectors, *shape)).astype(dtype)
            if vectors > 1:
                values[0] = self.rng.choice(np.array([low, high], dtype), shape)
            if vectors > 3:
                values[1], values[2] = low, high
            if tensor in self._values:
                fixed = self._values[tensor]
                values[: len(fixed)] = fixed[:vectors]
            arrays.append(values)
        if self._initial:
            initialize(self.writer, self._initial)
        return self.writer.finish(self._inputs, self._outputs), arrays


def window_size(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """Outputs of a window in one dimension."""
    if padding == "SAME":
        return math.ceil(size / stride)
    return (size - (kernel - 1) * dilation - 1) // stride + 1
