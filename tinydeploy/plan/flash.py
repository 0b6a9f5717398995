"""Which memory holds each layer's weights, and what to say when there is no room for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError
from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.fully_connected import FullyConnected

# What code takes at most, and other constants of a channel: multipliers, bounds, tables.
_CODE_BYTES, _CHANNEL_BYTES = 48 * 1024, 16
_BIAS_BYTES = 4
_WIDTHS = (0.75, 0.5, 0.35, 0.25, 0.1)  # multipliers that nets are published with
_NAMED = 3


def place_weights(graph: Graph, board: Board, max_flash: int | None = None) -> Mapping[int, str]:
    """Finds a memory for the weights of every layer.

    The flash that holds the code takes those that are used most often per byte; the others go to
    the board's memories for weights, in their order.

    Args:
        graph: The graph.
        board: The board.
        max_flash: Bytes that the user allows; None for what there is.

    Returns:
        Names of memories, by position in Graph.ops, of the layers whose weights do not lie in the
        flash that holds the code.

    Raises:
        BudgetError: Weights and biases alone need more flash than there is; the message names the
            largest layers, the hint a width that would fit.
    """
    needed = {k: _weight_bytes(op) for k, op in enumerate(graph.ops) if _with_weights(op)}
    flash, others = board.code_memory, board.memories_for("weights")
    total = sum(memory.size for memory in (flash, *others))
    limit = total if max_flash is None else min(total, max_flash)
    if sum(needed.values()) > limit:
        raise _flash_error(graph, board, needed, limit, user=limit != total)
    if not others:
        return {}
    channels = sum(each.channels for op in graph.ops for each in _with_weights(op))
    rooms = {flash.name: flash.size - _CODE_BYTES - _CHANNEL_BYTES * channels}
    rooms |= {memory.name: memory.size for memory in others}
    places = {}
    for k in sorted(needed, key=lambda k: (-graph.ops[k].macs(graph) / needed[k], k)):
        found = next((name for name, room in rooms.items() if needed[k] <= room), flash.name)
        rooms[found] -= needed[k]
        if found != flash.name:
            places[k] = found
    return dict(sorted(places.items()))


def _with_weights(op: Op) -> list[Convolution | FullyConnected]:
    """What of a layer has weights."""
    return [each for each in op.members if isinstance(each, (Convolution, FullyConnected))]


def _weight_bytes(op: Op, inward: float = 1, outward: float = 1) -> int:
    """Bytes of weights and biases, of layers whose inputs and outputs are narrower by factors."""
    size = 0.0
    for each in _with_weights(op):
        factor = 1 if isinstance(each, DepthwiseConv2D) else inward
        size += outward * (each.weights.size * factor + _BIAS_BYTES * each.channels)
    return int(size)


def _flash_error(
    graph: Graph, board: Board, needed: Mapping[int, int], limit: int, *, user: bool
) -> BudgetError:
    total = sum(needed.values())
    largest = sorted(needed, key=lambda k: (-needed[k], k))[:_NAMED]
    layers = ", ".join(
        f"layer {graph.ops[k].index} ({graph.ops[k].kind}) {needed[k]}" for k in largest
    )
    names = " and ".join(m.name for m in (board.code_memory, *board.memories_for("weights")))
    where = "they may have" if user else f"{names} of {board.title} have"
    return BudgetError(
        f"weights and biases alone need {total} bytes of flash and {where} {limit}:"
        f" {total - limit} bytes are missing. The largest: {layers}",
        _advise_width(graph, limit),
    )


def _advise_width(graph: Graph, limit: int) -> str:
    """Names the widest of the usual multipliers that would fit."""
    for width in _WIDTHS:
        size = _scaled_bytes(graph, width) + _CODE_BYTES
        if size <= limit:
            return (
                f"A net of this shape with {width} times the channels would fit"
                f" (about {size:,} bytes with code)."
            )
    return "Try a net with fewer layers, or a board with more flash."


def _scaled_bytes(graph: Graph, width: float) -> int:
    """Weights, biases and constants with fewer channels everywhere but at both ends of the net."""
    first, last = _find_ends(graph)
    size = 0.0
    for k, op in enumerate(graph.ops):
        outward = 1 if k in last else width
        size += _weight_bytes(op, 1 if k in first else width, outward)
        size += sum(_CHANNEL_BYTES * each.channels * outward for each in _with_weights(op))
    return int(size)


def _find_ends(graph: Graph) -> tuple[set[int], set[int]]:
    """Layers with weights that no other is in front of, and those that no other is behind."""
    ops = list(enumerate(graph.ops))
    first = _reach(ops, set(graph.inputs), forward=True)
    return first, _reach(ops[::-1], set(graph.outputs), forward=False)


def _reach(ops: Sequence[tuple[int, Op]], tensors: set[int], *, forward: bool) -> set[int]:
    """Layers with weights that are met first when going from some tensors."""
    met = set()
    for k, op in ops:
        here, there = (op.inputs, op.outputs) if forward else (op.outputs, op.inputs)
        if tensors.intersection(here):
            if _with_weights(op):
                met.add(k)
            else:
                tensors.update(there)
    return met
