"""Operators on each element: arithmetic with broadcasting, functions, softmax."""

from __future__ import annotations

import numpy as np

from tinydeploy.graph.tflite_file import Operator
from tinydeploy.source.float_tflite.translation import (
    Layout,
    Translation,
    UntranslatableError,
    place_axis,
    to_first,
    translates,
)

_BINARY = {
    "ADD": "Add",
    "SUB": "Sub",
    "MUL": "Mul",
    "DIV": "Div",
    "MAXIMUM": "Max",
    "MINIMUM": "Min",
}
_UNARY = {
    "RELU": ("Relu", None),
    "RELU6": ("Clip", (0.0, 6.0)),
    "RELU_N1_TO_1": ("Clip", (-1.0, 1.0)),
    "RELU_0_TO_1": ("Clip", (0.0, 1.0)),
    "LOGISTIC": ("Sigmoid", None),
    "TANH": ("Tanh", None),
    "HARD_SWISH": ("HardSwish", None),
    "ABS": ("Abs", None),
    "EXP": ("Exp", None),
    "NEG": ("Neg", None),
}


@translates(*_BINARY)
def translate_binary(operator: Operator, to: Translation) -> None:
    """Operands broadcast as numpy does it, their channels last."""
    numbers = operator.inputs
    if len(numbers) != 2:
        raise UntranslatableError(f"it has {len(numbers)} inputs")
    layout = to.layout(numbers)
    rank = to.rank(operator.outputs[0])
    operands = [_operand(to, number, layout, rank) for number in numbers]
    to.result(operator, _BINARY[operator.builtin], operands, layout)


def _operand(to: Translation, number: int, layout: Layout, rank: int) -> str:
    """An operand with as many axes as the output has."""
    constant = to.find_constant(number)
    if constant is not None:
        values = constant.astype(np.float32)
        if values.size == 1:
            return to.constant(to.tensor(number).name, values.reshape(()))
        values = values.reshape((1,) * (rank - values.ndim) + values.shape)
        if layout == "first":
            values = values.transpose(to_first(rank))
        return to.constant(to.tensor(number).name, values)
    missing = rank - to.rank(number)
    if not missing:
        return to.read(number, layout)
    if to.shape(number)[0] != 1:
        raise UntranslatableError(
            f"its operand {list(to.shape(number))} would be broadcast over the batch"
        )
    shape = (1,) * missing + to.shape(number)
    name = f"{to.tensor(number).name}/wide"
    value = to.reshape(to.read(number, "last"), shape, name)
    if layout == "first":
        value = to.node("Transpose", [value], f"{name}/channels first", perm=to_first(rank))
    return value


@translates(*_UNARY)
def translate_unary(operator: Operator, to: Translation) -> None:
    """Functions of one value."""
    source, output = operator.inputs[0], operator.outputs[0]
    layout = to.layout([source])
    op, bounds = _UNARY[operator.builtin]
    to.write(output, layout, to.unary(op, to.read(source, layout), bounds))


@translates("LEAKY_RELU")
def translate_leaky_relu(operator: Operator, to: Translation) -> None:
    """Alpha is an option."""
    layout = to.layout(operator.inputs)
    alpha = float(operator.options.get("Alpha", 0.0))
    to.result(operator, "LeakyRelu", [to.read(operator.inputs[0], layout)], layout, alpha=alpha)


@translates("PRELU")
def translate_prelu(operator: Operator, to: Translation) -> None:
    """The slopes broadcast to the input."""
    source = operator.inputs[0]
    to.expect_constant(operator, 1)
    layout = to.layout([source])
    inputs = [to.read(source, layout), _operand(to, operator.inputs[1], layout, to.rank(source))]
    to.result(operator, "PRelu", inputs, layout)


@translates("GELU")
def translate_gelu(operator: Operator, to: Translation) -> None:
    """Half of x (1 + erf(x / sqrt 2)), or (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).

    ONNX has an operator of its own only from opset 20 on.
    """
    layout = to.layout(operator.inputs)
    x, name = to.read(operator.inputs[0], layout), to.tensor(operator.outputs[0]).name

    def combine(op: str, part: str, value: str | float, label: str) -> str:
        if isinstance(value, float):
            value = to.constant("gelu", np.array(value, np.float32))
        return to.node(op, [part, value], f"{name}/{label}")

    if operator.options.get("Approximate", False):
        cube = combine("Mul", combine("Mul", x, x, "square"), x, "cube")
        inner = combine("Add", x, combine("Mul", cube, 0.044715, "bent"), "inner")
        argument = combine("Mul", inner, float(np.sqrt(2 / np.pi)), "scaled")
        gate = to.node("Tanh", [argument], f"{name}/tanh")
    else:
        argument = combine("Div", x, float(np.sqrt(2.0)), "scaled")
        gate = to.node("Erf", [argument], f"{name}/erf")
    product = combine("Mul", x, combine("Add", gate, 1.0, "gate"), "product")
    half = to.constant("gelu", np.array(0.5, np.float32))
    to.result(operator, "Mul", [product, half], layout)


@translates("SOFTMAX")
def translate_softmax(operator: Operator, to: Translation) -> None:
    """Over the last axis, beta times the input."""
    source = operator.inputs[0]
    layout = to.layout([source])
    value = to.read(source, layout)
    beta = float(operator.options.get("Beta", 1.0))
    if beta != 1.0:
        factor = to.constant("beta", np.array(beta, np.float32))
        value = to.node("Mul", [value, factor], f"{value}/beta")
    axis = place_axis(-1, to.rank(source), layout)
    to.result(operator, "Softmax", [value], layout, axis=axis)
