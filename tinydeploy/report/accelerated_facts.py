"""What the report tells of a program, of the split, and of the microcontroller's memories."""

from __future__ import annotations

from collections.abc import Sequence

from tinydeploy.board import Board
from tinydeploy.npu.compiler import Compiled
from tinydeploy.npu.cycles import PUBLISHED
from tinydeploy.npu.effects import find_effects
from tinydeploy.npu.isa import MEMORY_BYTES
from tinydeploy.project.size import Sizes
from tinydeploy.report.accelerated_report import (
    HostMemoryFacts,
    InstructionFacts,
    PlacedLayerFacts,
    ProgramFacts,
)
from tinydeploy.report.build_report import RegionFacts, SymbolFacts


def list_placed_layers(compiled: Compiled) -> tuple[PlacedLayerFacts, ...]:
    """All layers of the fused graph, in its order."""
    graph = compiled.split.graph
    owners = _find_layers(compiled)
    facts = []
    for index, share in enumerate(compiled.split.shares):
        output = graph.tensors[share.op.outputs[0]]
        facts.append(
            PlacedLayerFacts(
                index=index,
                op=share.op.kind,
                name=output.name,
                output_shape=output.shape,
                macs=share.op.macs(graph),
                instructions=tuple(n for n, owner in enumerate(owners) if owner == index),
                reason=share.reason,
            )
        )
    return tuple(facts)


def describe_program(compiled: Compiled) -> ProgramFacts:
    """The program, and the way of a frame through it."""
    program, walk = compiled.program, compiled.walk
    owners = _find_layers(compiled)
    began = walk.steps[0].finish  # of the WAIT: the image is there
    return ProgramFacts(
        identity=f"{program.identity:08x}",
        clock_hz=PUBLISHED.clock_hz,
        memory_bytes=MEMORY_BYTES,
        code_bytes=len(program.code),
        constants_bytes=len(program.constants),
        features_bytes=compiled.feature_bytes,
        cycles=walk.cycles,
        busy={str(unit): cycles for unit, cycles in walk.busy.items()},
        instructions=tuple(
            InstructionFacts(
                name=step.instruction.name,
                unit=find_effects(step.instruction, program).unit or "",
                layer=owners[step.number],
                start=max(0, step.start - began),
                finish=step.finish - began,
            )
            for step in walk.steps
        ),
    )


def describe_host_memory(sizes: Sizes, board: Board, program_bytes: int) -> HostMemoryFacts:
    """What the linked firmware takes; the program is one of its constants."""
    addresses = {memory.name: memory.address for memory in board.memories}
    return HostMemoryFacts(
        program_bytes=program_bytes,
        code_bytes=sizes.code_bytes,
        weights_bytes=sizes.weights_bytes,
        constants_bytes=sizes.constants_bytes - program_bytes,
        arena_bytes=sizes.arena_bytes,
        static_bytes=sizes.static_bytes,
        stack_reserved_bytes=sizes.stack_bytes,
        regions=tuple(
            RegionFacts(use.name, addresses[use.name], use.total, use.used, use.arena_bytes, None)
            for use in sizes.memories
        ),
        symbols=tuple(
            SymbolFacts(symbol.name, symbol.kind, symbol.memory, symbol.size)
            for symbol in sizes.symbols
        ),
    )


def _find_layers(compiled: Compiled) -> Sequence[int | None]:
    """Of each instruction the layer that it belongs to: WAIT, a prologue, layers, then the ends."""
    split = compiled.split
    owners: list[int | None] = [None] * (1 + len(split.prologue))
    for index, share in enumerate(split.shares):
        owners += [index] * len(share.drafts)
    return owners + [None] * (compiled.program.instruction_count - len(owners))
