"""Which memory holds each layer's weights, and what to say when there is no room for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
# Bias, multiplier, shift and bounds, without tables; code of most images.
_LEAST_CHANNEL_BYTES, _USUAL_CODE_BYTES = 12, 20 * 1024
# Start-up, console and self-test, and one kernel with the calls of its layers; of the images that
# tests/test_plan_flash_estimate.py builds.
_BASE_CODE_BYTES, _KERNEL_BYTES = 4300, 1000
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
    limit, user = _flash_limit(board, max_flash)
    if sum(needed.values()) > limit:
        raise _flash_error(graph, board, needed, limit, user=user)
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


def check_parameters(
    name: str, parameters: int, board: Board, max_flash: int | None = None
) -> None:
    """Refuses a net that cannot fit before it is made.

    In int8, a weight takes a byte; the trainable values of BN, two for a channel, are fewer than
    the bytes of bias, multiplier and so on that become of them.

    Args:
        name: What to call it.
        parameters: Trainable values.
        board: The board.
        max_flash: Bytes that the user allows; None for what there is.

    Raises:
        BudgetError: There is less flash than that.
    """
    limit, user = _flash_limit(board, max_flash)
    if parameters > limit:
        whose = "the net may have" if user else f"{_name_flash(board)}"
        raise BudgetError(
            f"{name} has {parameters:,} parameters, a byte each in int8, and {whose} {limit:,}"
            f" bytes of flash: {parameters - limit:,} bytes are missing",
            f"`tinydeploy zoo --max-params {limit}` lists nets that are small enough.",
        )


@dataclass(frozen=True)
class FlashEstimate:
    """What an image takes of flash, before there is one.

    Args:
        constants: Bytes of weights, and of biases, multipliers and bounds.
        image: With code: within 3 % of the images of the zoo's nets, 14 % of the smallest; where
            kernels are known within 5 % of those of MLPerf Tiny.
    """

    constants: int
    image: int


def estimate_flash(
    graph: Graph, board: Board, max_flash: int | None = None, kernels: int | None = None
) -> FlashEstimate:
    """Estimates the flash that a graph takes.

    Args:
        graph: The graph.
        board: The board.
        max_flash: Bytes that the user allows; None for what there is.
        kernels: How many the code needs; None: as most nets.

    Raises:
        BudgetError: Constants alone need more than there is.
    """
    layers = [each for op in graph.ops for each in _with_weights(op)]
    channels = sum(each.channels for each in layers)
    constants = sum(each.weights.size for each in layers) + _LEAST_CHANNEL_BYTES * channels
    constants += sum(op.parameters() for op in graph.ops if not _with_weights(op))
    limit, _ = _flash_limit(board, max_flash)
    if constants > limit:
        raise BudgetError(
            f"weights and constants need about {constants:,} bytes of flash, there are {limit:,}",
            _advise_width(graph, limit),
        )
    code = _USUAL_CODE_BYTES
    if kernels is not None:
        code = _BASE_CODE_BYTES + _KERNEL_BYTES * kernels
    return FlashEstimate(constants, constants + code)


def _flash_limit(board: Board, max_flash: int | None) -> tuple[int, bool]:
    """Bytes of all memories for weights, and whether it is the user who allows no more."""
    total = sum(memory.size for memory in (board.code_memory, *board.memories_for("weights")))
    return (total, False) if max_flash is None or max_flash >= total else (max_flash, True)


def _name_flash(board: Board) -> str:
    names = [memory.name for memory in (board.code_memory, *board.memories_for("weights"))]
    verb = "have" if len(names) > 1 else "has"
    return f"{' and '.join(names)} of {board.title} {verb}"


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
    where = "they may have" if user else _name_flash(board)
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
