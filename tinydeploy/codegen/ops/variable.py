"""READ_VARIABLE and ASSIGN_VARIABLE as calls of the kernels in variable_s8.c."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.errors import InternalError
from tinydeploy.graph.ops.variable import AssignVariable, ReadVariable


def emit_layer(op: ReadVariable | AssignVariable, context: LayerContext) -> LayerCode:
    """Writes the C text of the layer; an assignment repeats the parameters of the reading."""
    prefix, result = context.prefix, context.tensors[op.outputs[0]]
    reading = op if isinstance(op, ReadVariable) else _reading(op, context)
    initial = reading.initial
    alike = bool((initial == initial[0]).all())
    fields: dict[str, int | str] = {
        "initial": "NULL" if alike else f"{prefix}_initial",
        "fill": int(initial[0]) if alike else 0,
        "row_bytes": context.graph.tensors[reading.outputs[0]].row_bytes,
    }
    function, ends = "td_read_variable_s8", result
    if isinstance(op, AssignVariable):
        function, ends = "td_assign_variable_s8", f"{context.tensors[op.inputs[0]]}, {result}"
    return LayerCode(
        kernels=("variable_s8",),
        constants="" if alike else format_array("int8_t", f"{prefix}_initial", initial),
        parameters=format_struct("td_variable", f"{prefix}_op", fields),
        call=f"{function}(&{prefix}_op, {ends}, first, last, {context.state});",
    )


def _reading(op: AssignVariable, context: LayerContext) -> ReadVariable:
    for other in context.graph.ops:
        if isinstance(other, ReadVariable) and op.keeper in other.outputs:
            return other
    raise InternalError(f"{context.prefix} assigns a variable that nothing reads")
