"""The image that would be flashed, run in the emulated board and compared with the reference."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board
from tinydeploy.emulate.cycles import estimate_profile
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import EmulationError, MismatchError
from tinydeploy.graph.graph import Graph
from tinydeploy.link.client import BoardClient
from tinydeploy.plan.plan import Plan, step_rows
from tinydeploy.validate.compare import (
    Comparison,
    add_comparisons,
    compare_outputs,
    compare_tensors,
)
from tinydeploy.validate.prove import EMULATED_VECTORS, Expectation
from tinydeploy.validate.touched import TouchedBytes
from tinydeploy.validate.wire import read_outputs, to_array

Array = NDArray[Any]

# A net that needs more than this per inference, about a second of emulation, is given only a few
# vectors. Instructions, not seconds: how much is compared must not depend on the machine's load.
_SLOW_INSTRUCTIONS = 250_000_000
_SLOW_VECTORS = 3
# Two minutes of half a second each: with several builds on a busy machine it boots slowly, its
# self-test included. It cannot be unplugged, and its faults are told otherwise.
_ATTEMPTS = 240
_DETECTION_FILE, _DETECTION_FUNCTION = "detect_s8.c", "td_detect_s8"


@dataclass(frozen=True, eq=False)
class EmulatorRun:
    """What the emulated board showed.

    Args:
        comparison: Against the reference.
        instructions: Executed by one inference, exactly: by its NAME_run(), or all its
            NAME_push_row(); of the first vector.
        longest_call: Instructions of the longest of those calls; as many where there is one.
        layer_instructions: The same per layer, by position in Graph.ops.
        layer_cycles: Estimated by the static model, per layer.
        cycles_estimated: Of one run.
        stack_high_water: Deepest stack of one run, in bytes, below its caller's frame.
        arena_touched: Highest byte, plus one, of each memory's arena that runs have written.
        core_clock_hz: Core clock that the firmware set up.
        detection_instructions: Executed by NAME_detect() behind the first vector; None where the
            model has none.
    """

    comparison: Comparison
    instructions: int
    longest_call: int
    layer_instructions: Mapping[int, int]
    layer_cycles: Mapping[int, int]
    cycles_estimated: int
    stack_high_water: int
    arena_touched: Mapping[str, int]
    core_clock_hz: float
    detection_instructions: int | None


def run_emulator(
    elf: Path,
    board: Board,
    graph: Graph,
    plan: Plan,
    expectation: Expectation,
    tell: Callable[[str], None],
) -> EmulatorRun:
    """Boots the image and puts the first vectors through it, over its serial protocol.

    On the first vector every row that the plan stores is read out of the board's memory when the
    event that makes it is complete, and compared too.

    Args:
        elf: The image.
        board: The board.
        graph: The graph as built.
        plan: Its plan.
        expectation: What the reference says.
        tell: Is told how far it is.

    Raises:
        EmulationError: The firmware faults, or does not set up its clock.
        MismatchError: Its self-test fails, or it touches other bytes than the plan says.
        BoardLinkError: It does not answer.
    """
    with EmulatedBoard(elf, board) as emulated:
        client = BoardClient(emulated.transport, attempts=_ATTEMPTS)
        tell("booting")
        client.hello()
        test = client.selftest()
        if test.expected != test.found:
            raise MismatchError(
                f"the firmware's self-test fails: CRC {test.found:08x}, not {test.expected:08x}",
                "The emulated board computes something else than the reference: please report it.",
            )
        client.hello()  # what the self-test left behind must not matter
        clock = emulated.core_clock_hz()
        if round(clock) != board.clock_hz:
            raise EmulationError(
                f"the firmware runs {board.title} at {clock / 1e6:g} MHz, "
                f"not at {board.clock_hz / 1e6:g} MHz"
            )
        emulated.trace_model(graph.name)
        touched = TouchedBytes(emulated, graph, plan)
        emulated.capture(_list_pieces(emulated, graph, plan))
        found: list[list[Array]] = []
        wanted = min(EMULATED_VECTORS, len(expectation.vectors[0]))
        instructions: list[int] = []
        number = 0
        while number < wanted:
            tell(f"vector {number + 1} of {wanted}")
            touched.begin_run()
            client.infer([values[number].tobytes() for values in expectation.vectors])
            outputs = read_outputs(client, graph)
            touched.end_run()
            if number == 0:
                tensors = _assemble(emulated.captured(), graph, plan)
                events, longest = emulated.layer_events(), emulated.longest_call()
                cycles = {
                    layer: estimate_profile(profile, board.cpu)
                    for layer, profile in emulated.layer_profiles().items()
                }
                emulated.capture({})
                detection = count_detection(emulated, client, graph)
                if sum(event.instructions for event in events) > _SLOW_INSTRUCTIONS:
                    wanted = min(wanted, _SLOW_VECTORS)
            found.append(outputs)
            instructions.append(sum(event.instructions for event in emulated.layer_events()))
            number += 1
        touched.check()
        expected = [values[:number] for values in expectation.answers]
        stacked = [np.stack(parts) for parts in zip(*found, strict=True)]
        layers: dict[int, int] = {}
        for event in events:
            layers[event.layer] = layers.get(event.layer, 0) + event.instructions
        return EmulatorRun(
            comparison=add_comparisons(
                compare_outputs(expected, stacked),
                compare_tensors(graph, expectation.tensors, tensors),
            ),
            instructions=instructions[0],
            longest_call=longest,
            layer_instructions=layers,
            layer_cycles=cycles,
            cycles_estimated=sum(cycles.values()),
            stack_high_water=emulated.stack_high_water(),
            arena_touched=touched.highest,
            core_clock_hz=clock,
            detection_instructions=detection,
        )


def count_detection(emulated: EmulatedBoard, client: BoardClient, graph: Graph) -> int | None:
    """Instructions of one NAME_detect(), on the outputs that are there; None without a detector."""
    if graph.detector is None:
        return None
    functions = {
        function.name
        for function in emulated.image.functions
        if function.file == _DETECTION_FILE
        or function.name in (_DETECTION_FUNCTION, f"{graph.name}_detect")
    }

    def count() -> int:
        executed = emulated.profile().functions
        return sum(executed.get(name, 0) for name in functions)

    before = count()
    client.read_part(len(graph.outputs), 0, 1)  # the firmware finds the boxes for each part anew
    return count() - before


def _arena_address(emulated: EmulatedBoard, graph: Graph, memory: str) -> int:
    return emulated.image.symbols[f"{graph.name}_arena_{memory}"]


def _list_pieces(
    emulated: EmulatedBoard, graph: Graph, plan: Plan
) -> dict[tuple[int, int], list[tuple[int, int, Hashable]]]:
    """Where each row lies once it is made: (layer, row of the call) -> (address, bytes, key).

    The key is (tensor, row). All rows of a step are complete with the last row of its call.
    """
    pieces: dict[tuple[int, int], list[tuple[int, int, Hashable]]] = {}
    for step in plan.calls:
        for tensor in graph.ops[step.op].outputs:
            rows = plan.rows[tensor]
            start = _arena_address(emulated, graph, rows.memory)
            for y in range(*step_rows(graph, plan, step)):
                piece = (start + rows.row_offset(y), rows.row_bytes, (tensor, y))
                pieces.setdefault((step.op, step.last - 1), []).append(piece)
    return pieces


def _assemble(captured: Mapping[Hashable, bytes], graph: Graph, plan: Plan) -> dict[int, Array]:
    """Whole tensors out of captured rows."""
    tensors: dict[int, Array] = {}
    for tensor in sorted({t for step in plan.calls for t in graph.ops[step.op].outputs}):
        data = b"".join(captured[tensor, y] for y in range(plan.rows[tensor].height))
        tensors[tensor] = to_array(data, graph.tensors[tensor])
    return tensors
