"""The .tflite of what an accelerator leaves to the microcontroller."""

from __future__ import annotations

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.validate.take_apart import keep_operators


def cut_rest(model: bytes, rest: Graph) -> bytes:
    """A file with the operators that the rest needs; tensors keep their ids.

    Args:
        model: The whole model's file.
        rest: What stays on the microcontroller, cut from the fused graph of it.

    Returns:
        A .tflite whose inputs are the rest's: what the accelerator sends. It has no metadata;
        `rest` has the labels.
    """
    given, needed = set(rest.inputs), set(rest.outputs)
    kept = set()
    operators = parse_tflite(model).operators
    for number, operator in reversed(list(enumerate(operators))):
        if needed & set(operator.outputs) - given:
            kept.add(number)
            needed.update(operator.inputs)
    return keep_operators(model, kept, outputs=rest.outputs, inputs=rest.inputs)
