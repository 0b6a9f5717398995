"""What would fit where a model does not: its input given in another form, or a smaller input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tinydeploy.errors import UsageError
from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.alias import renames
from tinydeploy.plan.input_form import check_input_form
from tinydeploy.plan.plan import InputForm

Measure = Callable[[Graph, InputForm], int | None]
"""Bytes of the arenas of a graph, None where they do not fit."""

# Input heights to propose are multiples of the last of these that is small enough beside the input.
_STEPS = ((1, 1), (32, 8), (64, 16), (128, 32))  # (least height, step)


def advise_input(graph: Graph, form: InputForm, measure: Measure) -> list[str]:
    """Sentences that each name something that would fit; none where nothing was found.

    Args:
        graph: A graph that does not fit.
        form: How its input was to be given.
        measure: Plans a graph.
    """
    advice = []
    if form != "rows" and _can_push_rows(graph):
        size = measure(graph, "rows")
        if size is not None:
            advice.append(f"With --input rows its arena of {size:,} bytes would fit.")
    found = _find_smaller_input(graph, form, measure)
    if found is not None:
        height, width, size = found
        advice.append(
            f"A net of this shape for inputs of {height}x{width} would fit (about {size:,} bytes)."
        )
    return advice


def scale_graph(graph: Graph, height: int) -> Graph | None:
    """The same net for an input of another height, the width in proportion.

    All heights and widths are scaled and rounded up, as strides round; kernels stay as they are.
    It can be planned, not executed: weights that depend on positions have the wrong number.

    Args:
        graph: A graph whose first input is NHWC.
        height: The new height of its input.

    Returns:
        The graph; None where a RESHAPE does more than flatten a tensor, or an op has nothing to do.
    """
    whole = graph.tensors[graph.inputs[0]].shape[1]
    tensors = list(graph.tensors)
    for tensor in graph.stored:
        facts = graph.tensors[tensor]
        if len(facts.shape) == 4:
            n, h, w, c = facts.shape
            shape = (n, -(-h * height // whole), -(-w * height // whole), c)
            tensors[tensor] = replace(facts, shape=shape)
    for op in graph.ops:
        if renames(op):
            source, output = tensors[op.inputs[0]], tensors[op.outputs[0]]
            if len(output.shape) == 2 and output.shape[0] == 1:
                tensors[op.outputs[0]] = replace(output, shape=(1, source.size))
            elif source.size != output.size:
                return None
    scaled = replace(graph, tensors=tuple(tensors))
    windows = [op for op in graph.ops if isinstance(op, Convolution)]
    return scaled if all(min(op.row_shape(scaled)) > 0 for op in windows) else None


def _can_push_rows(graph: Graph) -> bool:
    try:
        check_input_form(graph, "rows")
    except UsageError:
        return False
    return True


def _find_smaller_input(
    graph: Graph, form: InputForm, measure: Measure
) -> tuple[int, int, int] | None:
    """Height, width and bytes of the largest input found, by bisection; None where none fits."""
    shape = graph.tensors[graph.inputs[0]].shape
    if len(graph.inputs) != 1 or len(shape) != 4 or shape[1] == 1:
        return None
    step = max(step for least, step in _STEPS if shape[1] >= least)
    heights = range(step, shape[1], step)
    low, high = 0, len(heights)
    best: tuple[int, int, int] | None = None
    while low < high:
        middle = (low + high) // 2
        scaled = scale_graph(graph, heights[middle])
        if scaled is None:  # too small, or never
            low = middle + 1
            continue
        size = measure(scaled, form)
        if size is None:
            high = middle
        else:
            _, height, width, _ = scaled.tensors[graph.inputs[0]].shape
            best, low = (height, width, size), middle + 1
    return best
