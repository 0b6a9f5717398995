"""A builder of small float .tflite models: one operator after another, random weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.tflite_writer import TfliteWriter

Shape = tuple[int, ...]


class FloatBuilder:
    """Every method returns the id of the tensor that it adds; shapes are told by the caller."""

    def __init__(self, input_shape: Shape, seed: int = 0) -> None:
        self.writer = TfliteWriter()
        self.rng = np.random.default_rng(seed)
        self._count = 0
        self.input = self.writer.add_tensor("input", input_shape, "float32")

    def weights(self, *shape: int, scale: float = 0.3) -> int:
        """Random float32 values."""
        return self.constant((scale * self.rng.normal(size=shape)).astype(np.float32))

    def constant(self, values: NDArray[Any], scales: Sequence[float] | None = None) -> int:
        self._count += 1
        name = f"constant {self._count}"
        dtype = values.dtype.name
        return self.writer.add_tensor(name, values.shape, dtype, scales=scales, data=values)

    def integers(self, *values: int) -> int:
        return self.constant(np.array(values, np.int32))

    def op(
        self,
        builtin: str,
        inputs: Sequence[int],
        shape: Shape,
        options: Mapping[str, Any] | None = None,
    ) -> int:
        """An operator with one output of this shape."""
        return self.ops(builtin, inputs, [shape], options)[0]

    def ops(
        self,
        builtin: str,
        inputs: Sequence[int],
        shapes: Sequence[Shape],
        options: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """An operator with several outputs."""
        outputs = []
        for shape in shapes:
            self._count += 1
            outputs.append(self.writer.add_tensor(f"value {self._count}", shape, "float32"))
        self.writer.add_op(builtin, list(inputs), outputs, dict(options or {}), version=1)
        return outputs

    def finish(self, *outputs: int) -> bytes:
        return self.writer.finish([self.input], list(outputs))
