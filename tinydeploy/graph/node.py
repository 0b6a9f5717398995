"""One operator as the .tflite file describes it: what constraints look at and ops are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.graph.tensor import Quantization, Tensor

_ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
_PADDINGS = ("SAME", "VALID")


@dataclass(frozen=True, eq=False)
class Node:
    """An operator of the file with its tensors at hand. Only its ids are to be trusted.

    Args:
        index: Number of the operator in the file.
        builtin: Name in TFLite's schema, e.g. "CONV_2D".
        inputs: Tensor ids, constants included; -1 for an input left out. As in the file, or as
            `Op.input_order` picks them.
        outputs: Tensor ids; a single one of several where the op `splits`.
        options: The scalar fields of the operator's options by their name in the schema's accessors
            ("StrideH"); empty where the file has no options.
        tensors: All tensors of the graph.
        which: Number of the output among those that the operator has in the file.
        siblings: Ids of all these outputs.
        dtype: Of its activations: int8 or int16.
        intermediates: Ids of tensors that tell how it quantizes inside.
        table: Of a QUANTIZE that stands for operators of float32: the output for each int8.
    """

    index: int
    builtin: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, float]
    tensors: tuple[Tensor, ...]
    which: int = 0
    siblings: tuple[int, ...] = ()
    dtype: str = "int8"
    intermediates: tuple[int, ...] = ()
    table: NDArray[np.int8] | None = None

    def has_input(self, which: int) -> bool:
        """Whether the operator has this input."""
        return which < len(self.inputs) and self.inputs[which] >= 0

    def input(self, which: int) -> Tensor:
        """The tensor of an input that is there."""
        if not self.has_input(which):
            raise InternalError(f"{self.label} has no input {which}")
        return self.tensors[self.inputs[which]]

    @property
    def output(self) -> Tensor:
        """The tensor of the first output."""
        return self.tensors[self.outputs[0]]

    @property
    def activations(self) -> tuple[int, ...]:
        """Ids of the inputs that are neither constant nor state, in order."""
        found = ((t, self.tensors[t]) for t in self.inputs if t >= 0)
        return tuple(t for t, tensor in found if tensor.data is None and not tensor.variable)

    @property
    def variables(self) -> tuple[int, ...]:
        """Ids of the inputs that are state, in order."""
        return tuple(t for t in self.inputs if t >= 0 and self.tensors[t].variable)

    def quantization(self, which: int) -> Quantization:
        """The quantization of an input that has one."""
        return _quantization(self.input(which))

    @property
    def output_quantization(self) -> Quantization:
        """The quantization of the first output."""
        return _quantization(self.output)

    def constant(self, which: int) -> NDArray[Any]:
        """The values of an input that is constant."""
        data = self.input(which).data
        if data is None:
            raise InternalError(f"{self.label}: input {which} is not constant")
        return data

    def option(self, name: str, default: float = 0) -> int:
        """An integer option; `default` where the file has no options."""
        return int(self.options.get(name, default))

    @property
    def activation(self) -> str:
        """Name of the fused activation function; empty for a number the schema does not have."""
        number = self.option("FusedActivationFunction")
        return _ACTIVATIONS[number] if 0 <= number < len(_ACTIVATIONS) else ""

    @property
    def padding(self) -> str:
        """The padding, SAME or VALID; empty for a number that the schema does not have."""
        number = self.option("Padding")
        return _PADDINGS[number] if 0 <= number < len(_PADDINGS) else ""

    @property
    def label(self) -> str:
        """How messages name the operator: builtin, number and output tensor."""
        name = self.tensors[self.outputs[0]].name if self.outputs else ""
        return f"{self.builtin} (operator {self.index}" + (f", {name!r})" if name else ")")


Constraint = Callable[[Node], bool]
"""What must hold of a node; its docstring says it in a sentence: the user's message."""


def _quantization(tensor: Tensor) -> Quantization:
    if tensor.quantization is None:
        raise InternalError(f"tensor {tensor.name!r} has no quantization")
    return tensor.quantization


def read_integers(node: Node, which: int) -> tuple[int, ...] | None:
    """The numbers of an input that is a constant of integers, at most 65536; None for any other."""
    if not node.has_input(which):
        return None
    tensor = node.input(which)
    if tensor.data is None or tensor.dtype not in ("int32", "int64") or tensor.size > 1 << 16:
        return None
    return tuple(int(value) for value in tensor.data.ravel())


def read_axis(node: Node, which: int) -> int | None:
    """The number of an input that is a constant of one integer; None for any other."""
    numbers = read_integers(node, which)
    return numbers[0] if numbers is not None and len(numbers) == 1 else None


def float32_product(*factors: float) -> np.float32:
    """The product in float32, rounded after each step, as the reference takes some of them."""
    result = np.float32(1)
    for factor in factors:
        result = np.float32(result * np.float32(factor))
    return result
