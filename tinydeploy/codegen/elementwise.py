"""C text that element-by-element ops of two operands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.elementwise import Elementwise
from tinydeploy.graph.fixed_point import INT8_MAX, INT8_MIN


@dataclass(frozen=True)
class Operand:
    """An operand that may be constant.

    Args:
        constants: Definition of its array; empty for an activation.
        parameters: Definition of its td_tensor; empty for an activation.
        expression: C expression of type `const td_tensor *`.
    """

    constants: str
    parameters: str
    expression: str


def emit_operand(op: Elementwise, context: LayerContext) -> Operand:
    """Writes the second operand of an op: an activation, or a constant as a tensor in flash."""
    if op.constant is None:
        return Operand("", "", context.tensors[op.inputs[1]])
    return emit_constant(op.constant, context)


def emit_constant(constant: NDArray[Any], context: LayerContext, number: str = "") -> Operand:
    """Writes a constant operand, [C] or [H, W, C], as a tensor in flash.

    Args:
        constant: Its values; truth values become int8.
        context: Names to use.
        number: Ends these names where a layer has several constants.
    """
    height, width, channels = (1, 1, *constant.shape)[-3:]
    values = constant.ravel()
    if values.dtype == np.bool_:
        values = values.astype(np.int8)
    if np.all(values == values[0]):
        height, width, channels, values = 1, 1, 1, values[:1]
    name, tensor = f"{context.prefix}_constant{number}", f"{context.prefix}_operand{number}"
    fields: dict[str, int | str] = {
        "base": f"(int8_t *){name}",
        "table": "NULL",
        "pitch": width * channels * values.itemsize,
        "height": height,
        "width": width,
        "channels": channels,
    }
    return Operand(
        format_array(f"{values.dtype.name}_t", name, values),
        format_struct("td_tensor", tensor, fields),
        f"&{tensor}",
    )


def bound_fields(low: int, high: int) -> dict[str, int | str]:
    """The fields of fast kernels' bounds; without them nothing needs td_bound in the program."""
    bounded = (low, high) != (INT8_MIN, INT8_MAX)
    return {"bound": "td_bound" if bounded else "NULL", "low": low, "high": high}


def emit_elementwise(
    op: Elementwise,
    stem: str,
    struct: str,
    fields: dict[str, int | str],
    context: LayerContext,
    *,
    swap: bool = False,
    cores: tuple[str, ...] = (),
) -> LayerCode:
    """Writes an op of two operands.

    Args:
        op: The op.
        stem: Its kernel's name without the type of its elements, "_s8" or "_s16".
        struct: Type of its parameters; empty where the kernel has none.
        fields: Fields of the parameters.
        context: Names and expressions to use.
        swap: The kernel's first input is the op's second operand.
        cores: Core loops that the kernel needs.
    """
    kind = "s16" if context.graph.tensors[op.outputs[0]].dtype == "int16" else "s8"
    operand = emit_operand(op, context)
    operands = [context.tensors[op.inputs[0]], operand.expression]
    arguments = [f"&{context.prefix}_op"] if struct else []
    arguments += [*(reversed(operands) if swap else operands), context.tensors[op.outputs[0]]]
    parameters = format_struct(struct, f"{context.prefix}_op", fields) if struct else ""
    return LayerCode(
        kernels=(f"{stem}_{kind}", *cores),
        constants=operand.constants,
        parameters=operand.parameters + parameters,
        call=f"td_{stem}_{kind}({', '.join(arguments)}, first, last);",
    )
