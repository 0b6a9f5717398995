"""What the functions that translate float TFLite operators work with, and their registry.

TFLite counts pictures [N, H, W, C], ONNX [N, C, H, W]. A tensor of three or more dimensions has a
value in either layout, or in both: whoever reads it asks for the one that he needs, and a Transpose
is made where that one does not exist yet. So a plain CNN gets none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tinydeploy.graph.tensor import Quantization, Tensor
from tinydeploy.graph.tflite_file import Operator, TfliteFile

Layout = Literal["first", "last"]  # where the channels are
Array = NDArray[Any]

_ACTIVATIONS: Mapping[int, tuple[str, tuple[float, float] | None]] = {
    1: ("Relu", None),
    2: ("Clip", (-1.0, 1.0)),
    3: ("Clip", (0.0, 6.0)),
    4: ("Tanh", None),
}
_NO_ACTIVATION = 0


class UntranslatableError(Exception):
    """An operator that has no counterpart in ONNX: what is wrong, and what to do instead."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


class Translation:
    """The ONNX nodes so far, and where the values of TFLite's tensors are among them.

    Args:
        file: The float .tflite.
    """

    def __init__(self, file: TfliteFile) -> None:
        self.file = file
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._values: dict[tuple[int, Layout], str] = {}
        self._constants: dict[int, Array] = {}
        self._names: set[str] = set()

    def tensor(self, number: int) -> Tensor:
        """A tensor of the file."""
        return self.file.tensors[number]

    def shape(self, number: int) -> tuple[int, ...]:
        """Its shape in TFLite's order."""
        return self.file.tensors[number].shape

    def rank(self, number: int) -> int:
        """Number of its dimensions."""
        return len(self.file.tensors[number].shape)

    def layout(self, numbers: Sequence[int]) -> Layout:
        """The layout in which the first of these tensors exists that is no constant."""
        for number in numbers:
            if self.has_value(number, "first"):
                return "first"
        return "last"

    def has_value(self, number: int, layout: Layout) -> bool:
        """Whether an activation already exists in this layout."""
        return (number, layout) in self._values

    def read(self, number: int, layout: Layout) -> str:
        """The ONNX name of a tensor's value, transposed into a layout where need be."""
        if self.rank(number) < 3:
            layout = "last"
        found = self._values.get((number, layout))
        if found is not None:
            return found
        constant = self.find_constant(number)
        if constant is not None:
            order = to_first(constant.ndim) if layout == "first" else range(constant.ndim)
            name = self.constant(self.tensor(number).name, np.transpose(constant, tuple(order)))
        else:
            other: Layout = "last" if layout == "first" else "first"
            source = self._values.get((number, other))
            if source is None:
                raise UntranslatableError(f"nothing writes its input '{self.tensor(number).name}'")
            rank = self.rank(number)
            order = to_first(rank) if layout == "first" else to_last(rank)
            name = self.node("Transpose", [source], f"{source}/channels {layout}", perm=order)
        self._values[number, layout] = name
        return name

    def write(self, number: int, layout: Layout, value: str) -> None:
        """Says that this is a tensor's value in a layout."""
        self._values[number, "last" if self.rank(number) < 3 else layout] = value

    def node(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Appends a node with one output called about so; returns what it is called."""
        output = self.unique(name)
        self.node_of_many(op, inputs, [output], **attributes)
        return output

    def node_of_many(
        self, op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        """Appends a node whose outputs have unique names already."""
        self.nodes.append(
            helper.make_node(op, list(inputs), list(outputs), outputs[0], **attributes)
        )

    def result(
        self, operator: Operator, op: str, inputs: Sequence[str], layout: Layout, **attributes: Any
    ) -> None:
        """Appends the node that makes an operator's only output, and its fused activation."""
        number = operator.outputs[0]
        name = self.node(op, inputs, self.tensor(number).name, **attributes)
        self.write(number, layout, self.activate(operator, name))

    def activate(self, operator: Operator, value: str) -> str:
        """The value behind an operator's fused activation function."""
        kind = int(operator.options.get("FusedActivationFunction", _NO_ACTIVATION))
        if kind == _NO_ACTIVATION:
            return value
        if kind not in _ACTIVATIONS:
            raise UntranslatableError(f"it has the unknown activation function {kind}")
        op, bounds = _ACTIVATIONS[kind]
        return self.unary(op, value, bounds)

    def unary(self, op: str, value: str, bounds: tuple[float, float] | None = None) -> str:
        """A function of one value; Clip has bounds."""
        inputs = [value]
        if bounds is not None:
            inputs += [self.constant(f"{op}/bound", np.array(b, np.float32)) for b in bounds]
        return self.node(op, inputs, f"{value}/{op.lower()}")

    def constant(self, name: str, values: Array) -> str:
        """Adds a constant; returns what it is called."""
        name = self.unique(name)
        self.initializers.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Adds a vector of whole numbers."""
        return self.constant(name, np.array(values, np.int64))

    def reshape(self, value: str, shape: Sequence[int], name: str) -> str:
        """A value with a shape, the first of which is the batch and stays free."""
        return self.node("Reshape", [value, self.integers("shape", [-1, *shape[1:]])], name)

    def define_constant(self, number: int, values: Array) -> None:
        """Says that a tensor that an operator writes is constant."""
        self._constants[number] = values

    def find_constant(self, number: int) -> Array | None:
        """A constant's real values, weights of 8 and 16 bits dequantized; None for activations."""
        if number in self._constants:
            return self._constants[number]
        tensor = self.tensor(number)
        if tensor.data is None:
            return None
        if tensor.dtype == "float16":  # which the reader leaves as bytes
            halves = np.frombuffer(tensor.data.tobytes(), "<f2")
            if halves.size != tensor.size:
                raise UntranslatableError(f"its constant '{tensor.name}' is damaged")
            return halves.reshape(tensor.shape).astype(np.float32)
        if tensor.dtype in ("int8", "uint8", "int16") and tensor.quantization is not None:
            return dequantize(tensor.data, tensor.quantization)
        return tensor.data

    def expect_constant(self, operator: Operator, index: int) -> Array:
        """An input that must be constant."""
        if len(operator.inputs) <= index or operator.inputs[index] < 0:
            raise UntranslatableError(f"its input {index} is missing")
        values = self.find_constant(operator.inputs[index])
        if values is None:
            raise UntranslatableError(
                f"its input {index} is not a constant",
                "convert the model with fixed sizes, and a batch of 1",
            )
        return values

    def unique(self, name: str) -> str:
        """A name that no value has yet."""
        candidate, count = name or "value", 1
        while candidate in self._names:
            count += 1
            candidate = f"{name}/{count}"
        self._names.add(candidate)
        return candidate


Translator = Callable[[Operator, Translation], None]
TRANSLATORS: dict[str, Translator] = {}


def translates(*builtins: str) -> Callable[[Translator], Translator]:
    """Decorator: registers the function for some TFLite operators."""

    def register(function: Translator) -> Translator:
        TRANSLATORS.update(dict.fromkeys(builtins, function))
        return function

    return register


def to_first(rank: int) -> tuple[int, ...]:
    """The order of axes that brings [N, ..., C] to [N, C, ...]."""
    return (0, rank - 1, *range(1, rank - 1)) if rank > 2 else tuple(range(rank))


def to_last(rank: int) -> tuple[int, ...]:
    """The order of axes that brings [N, C, ...] to [N, ..., C]."""
    return (0, *range(2, rank), 1) if rank > 2 else tuple(range(rank))


def place_axis(axis: int, rank: int, layout: Layout) -> int:
    """Where one of TFLite's axes, which may be counted from the end, is in a layout."""
    if not -rank <= axis < rank:
        raise UntranslatableError(f"it has no axis {axis}")
    axis %= rank
    return to_first(rank).index(axis) if layout == "first" else axis


def dequantize(data: Array, quantization: Quantization) -> NDArray[np.float32]:
    """The real values of quantized weights."""
    scales = np.array(quantization.scales, np.float32)
    zeros = np.array(quantization.zero_points, np.float32)
    if len(scales) > 1:
        axis = quantization.axis
        if not 0 <= axis < data.ndim or data.shape[axis] != len(scales):
            raise UntranslatableError(f"{len(scales)} scales do not fit weights {data.shape}")
        shape = [1] * data.ndim
        shape[axis] = len(scales)
        scales, zeros = scales.reshape(shape), zeros.reshape(shape)
    values: NDArray[np.float32] = (data.astype(np.float32) - zeros) * scales
    return values
