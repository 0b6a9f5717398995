"""The forms of the input: who can have which, and what is the host's own of it."""

from __future__ import annotations

from tinydeploy.errors import UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.plan import InputForm, Plan


def check_input_form(graph: Graph, form: InputForm) -> None:
    """Rows can be pushed into a model with one input, an image of at least two rows.

    Args:
        graph: A verified graph.
        form: What the user asks for.

    Raises:
        UsageError: The graph's inputs are not of this form.
    """
    if form != "rows":
        return
    advice = "Use --input arena or --input kept."
    if len(graph.inputs) != 1:
        raise UsageError(
            f"rows can be pushed into one input only, and {graph.name} has {len(graph.inputs)}",
            advice,
        )
    shape = graph.tensors[graph.inputs[0]].shape
    if graph.tensors[graph.inputs[0]].rows[0] < 2:
        raise UsageError(
            f"the input of {graph.name}, {'x'.join(map(str, shape))}, is no image with rows",
            advice,
        )


def check_float_ends(form: InputForm, *, float_ends: bool) -> None:
    """Real values are quantized into the arena.

    Raises:
        UsageError: Float ends are asked for, and the input is not there.
    """
    if float_ends and form != "arena":
        raise UsageError(
            f"--io float does not go with --input {form}",
            "Quantize the input yourself: model.h has NAME_quantize() and NAME_dequantize().",
        )


def count_outside_bytes(graph: Graph, plan: Plan) -> int:
    """Bytes of the host's own buffers: for all inputs, or for a row of the only one."""
    if plan.input_form == "arena":
        return 0
    size = sum(graph.tensors[tensor].size_bytes for tensor in graph.inputs)
    return size // plan.rows[graph.inputs[0]].height if plan.input_form == "rows" else size
