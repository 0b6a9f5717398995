"""UNIDIRECTIONAL_SEQUENCE_LSTM as a call of td_lstm_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.lstm import Lstm


def emit_layer(op: Lstm, context: LayerContext) -> LayerCode:
    """Writes the C text of the layer."""
    prefix = context.prefix
    scales = ", ".join(f"{{{multiplier}, {shift}}}" for multiplier, shift in op.multipliers)
    hidden, shift = op.hidden_multiplier
    fields: dict[str, int | str] = {
        "weights": f"{prefix}_weights",
        "state_weights": f"{prefix}_state_weights",
        "biases": f"{prefix}_biases",
        "scales": f"{{{scales}}}",
        "hidden": f"{{{hidden}, {shift}}}",
        "steps": context.graph.tensors[op.outputs[0]].size // op.units,
        "depth": op.weights.shape[2],
        "units": op.units,
        "input_offset": -op.input_zero_point,
        "output_offset": op.hidden_zero_point,
        "state_zero_point": op.state_zero_point,
        "cell_log2": op.cell_log2,
        "cell_clip": op.cell_clip,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("lstm_s8",),
        constants=format_array("int8_t", f"{prefix}_weights", op.weights)
        + format_array("int8_t", f"{prefix}_state_weights", op.state_weights)
        + format_array("int32_t", f"{prefix}_biases", op.biases),
        parameters=format_struct("td_lstm", f"{prefix}_op", fields),
        call=f"td_lstm_s8(&{prefix}_op, {source}, {result}, first, last, {context.state});",
    )
