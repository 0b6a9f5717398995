"""The compiler: from an int8 graph to a program, and to what stays on the microcontroller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.graph import Graph
from tinydeploy.npu.allocate import Life, allocate
from tinydeploy.npu.isa import INSTRUCTION_BYTES, MEMORY_BYTES, Instruction, encode, make
from tinydeploy.npu.layout import align
from tinydeploy.npu.lower import Draft, Feature
from tinydeploy.npu.program import Program
from tinydeploy.npu.split import Split, split_graph
from tinydeploy.npu.walk import Walk, walk_frame


@dataclass(frozen=True, eq=False)
class Compiled:
    """A program, and what it leaves to the microcontroller.

    Args:
        program: For the machine.
        split: Which op runs where, and why.
        walk: The way of a frame through it, with its cycles.
        places: Address of each feature map, by name.
        feature_bytes: Bytes of memory that feature maps and results share.
    """

    program: Program
    split: Split
    walk: Walk
    places: Mapping[str, int]
    feature_bytes: int


@dataclass(frozen=True)
class _Move:
    """How a tensor of the boundary is sent: from its feature map, or converted first."""

    feature: Feature
    sent: Feature

    @property
    def converts(self) -> bool:
        return self.feature is not self.sent


def compile_graph(graph: Graph) -> Compiled:
    """Compiles as much of a graph as the machine can do and has memory for.

    Args:
        graph: A fused graph of int8.

    Raises:
        UnsupportedModelError: Nothing of it can run on the machine.
    """
    split = split_graph(graph)
    while any(share.drafts for share in split.shares):
        compiled = _compile(split)
        if isinstance(compiled, Compiled):
            return compiled
        split = split.without_last(compiled)
    reasons = [share for share in split.shares if share.reason]
    raise UnsupportedModelError(
        f"TinyNPU can run nothing of {graph.name}: its first op, {reasons[0].op.kind}, stays on "
        f"the microcontroller because {reasons[0].reason}",
        "Build it without an accelerator, or change the network's first layers.",
    )


def _compile(split: Split) -> Compiled | str:
    """Compiles a split, or says why its last op does not fit."""
    drafts, graph = split.drafts, split.graph
    moves = [_plan_move(split, tensor) for tensor in split.boundary]
    # WAIT and JUMP, and a SEND for each tensor of the boundary.
    count = len(drafts) + sum(move.converts for move in moves) + len(moves) + 2
    constants, offsets = _collect_constants(drafts)
    static = count * INSTRUCTION_BYTES + len(constants)
    image_bytes = graph.tensors[graph.inputs[0]].size
    room = MEMORY_BYTES - static
    lives = list(_list_lives(drafts, moves))
    found = allocate(lives, room) if room > 0 else None
    if found is None:
        largest = max(life.bytes for life in lives)
        return (
            f"with it, code and constants of {static:,} bytes and feature maps of up to "
            f"{largest:,} do not fit into TinyNPU's {MEMORY_BYTES:,} bytes"
        )
    places = {name: static + at for name, at in found.items()}
    bases = [count * INSTRUCTION_BYTES + offset for offset in offsets]
    instructions = list(_emit(drafts, moves, places, bases))
    assert len(instructions) == count
    output_bytes = sum(graph.tensors[tensor].size for tensor in split.boundary)
    code = b"".join(map(encode, instructions))
    program = Program(code, constants, image_bytes, output_bytes)
    used = max(found[life.name] + life.bytes for life in lives)
    return Compiled(program, split, walk_frame(program), places, used)


def _plan_move(split: Split, tensor: int) -> _Move:
    feature = split.features[tensor]
    if feature.size.pixels == 1:  # blocks of one pixel lie as its channels do
        return _Move(feature, feature)
    return _Move(feature, Feature(f"{feature.name}r{tensor}", feature.size))


def _collect_constants(drafts: tuple[Draft, ...]) -> tuple[bytes, list[int]]:
    """All constants, one after the other, and where each draft's begin."""
    data, offsets = bytearray(), []
    for draft in drafts:
        offsets.append(len(data))
        for constant in draft.constants.values():
            data += constant + bytes(align(len(constant)) - len(constant))
    return bytes(data), offsets


def _list_lives(drafts: tuple[Draft, ...], moves: list[_Move]) -> Iterator[Life]:
    """When each feature map is in use, in steps: drafts, then moves."""
    first: dict[str, tuple[int, int]] = {}
    last: dict[str, int] = {}
    for step, draft in enumerate(drafts):
        first[draft.result.name] = step, draft.result.bytes
        for source in (*draft.sources.values(), draft.result):
            last[source.name] = step
    for step, move in enumerate(moves, len(drafts)):
        first.setdefault(move.sent.name, (step, move.sent.bytes))
        last[move.feature.name] = last[move.sent.name] = step
    for name, (step, size) in first.items():
        yield Life(name, size, step, last[name])


def _emit(
    drafts: tuple[Draft, ...], moves: list[_Move], places: Mapping[str, int], bases: list[int]
) -> Iterator[Instruction]:
    """The instructions with their addresses."""
    yield make("WAIT")
    for draft, base in zip(drafts, bases, strict=True):
        operands = dict(draft.operands)
        for name, feature in draft.sources.items():
            operands[name] = places[feature.name]
        at = base
        for name, constant in draft.constants.items():
            operands[name] = at
            at += align(len(constant))
        yield make(draft.name, dst=places[draft.result.name], **operands)
    for move in moves:
        height, width, channels = move.feature.size
        src, dst = places[move.feature.name], places[move.sent.name]
        if move.converts:
            yield make("UNPACK", src=src, dst=dst, height=height, width=width, channels=channels)
        yield make("SEND", src=dst, bytes=height * width * channels)
    yield make("JUMP", target=0)
