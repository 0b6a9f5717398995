"""SELECT and SELECT_V2 as calls of td_select_s8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import Operand, emit_constant
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.select import Select


def emit_layer(op: Select, context: LayerContext) -> LayerCode:
    """Writes the C text of a choice."""
    inputs = iter(op.inputs)
    operands = [
        Operand("", "", context.tensors[next(inputs)])
        if values is None
        else emit_constant(values, context, str(number))
        for number, values in enumerate(op.constants)
    ]
    arguments = [operand.expression for operand in operands]
    arguments.append(context.tensors[op.outputs[0]])
    return LayerCode(
        kernels=("select_s8",),
        constants="".join(operand.constants for operand in operands),
        parameters="".join(operand.parameters for operand in operands),
        call=f"td_select_s8({', '.join(arguments)}, first, last);",
    )
