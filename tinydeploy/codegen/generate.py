"""Writes the C sources of a planned model: pure, same arguments, same text."""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy.board import Board
from tinydeploy.codegen.detection import KERNEL
from tinydeploy.codegen.environment import render_template
from tinydeploy.codegen.model_text import describe_model
from tinydeploy.codegen.text import byte_lines
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.plan import Plan

_TEMPLATES = ("model.h", "model.c", "weights.h", "weights.c")


def generate_sources(
    graph: Graph, plan: Plan, board: Board, *, tflite: bytes, float_ends: bool = False
) -> Mapping[str, str]:
    """Writes a model's sources.

    Args:
        graph: The graph, verified.
        plan: Its plan, checked.
        board: The board that it was planned for.
        tflite: The file that the graph was read from, for users of TFLite Micro.
        float_ends: Also write a function that takes and gives real values; its input must lie in
            the arena.

    Returns:
        Texts by path: `<name>/` with model.h (the API), model.c, weights.h and weights.c, and
        model_data.h and model_data.c (the .tflite as an array; nothing else refers to it).
    """
    model = describe_model(graph, plan)
    sources = {
        f"{model.name}/{file}": render_template(
            f"model/{file}.j2", model=model, board=board, float_ends=float_ends
        )
        for file in _TEMPLATES
    }
    lines = "\n".join(byte_lines(tflite))
    for file in ("model_data.h", "model_data.c"):
        text = render_template(
            f"model/{file}.j2", name=model.name, macro=model.macro, size=len(tflite), lines=lines
        )
        sources[f"{model.name}/{file}"] = text
    return sources


def list_kernels(graph: Graph, plan: Plan) -> tuple[str, ...]:
    """What of firmware/kernels/ the generated model.c needs: paths without suffix.

    Those come first that take part in most multiplications.
    """
    macs: dict[str, int] = {}
    for layer in describe_model(graph, plan).layers:
        for kernel in layer.code.kernels:
            macs[kernel] = macs.get(kernel, 0) + layer.macs
    if graph.detector is not None:
        macs[KERNEL] = 0
    return tuple(sorted(macs, key=lambda kernel: (-macs[kernel], kernel)))
