"""Instruction counts: exact, the same from both counters, and layer by layer."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from pathlib import Path

import pytest
from probe_firmware import CORES, Probe
from unicorn import UC_ARCH_ARM, UC_HOOK_CODE, UC_MODE_THUMB, UC_PROT_EXEC, UC_PROT_READ, Uc
from unicorn import arm_const as uc_arm

from tinydeploy.board import load_board
from tinydeploy.emulate.counter import Hooks
from tinydeploy.emulate.cycles import estimate_cycles, estimate_profile
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.emulate.image import Image
from tinydeploy.emulate.open_counter import open_counter
from tinydeploy.emulate.profile import Block, Profile
from tinydeploy.errors import EmulationError


def test_known_loop(probe: Probe) -> None:
    assert probe.ask("C") == "counted"
    profile = probe.emulated.profile()
    assert profile.functions["count_loop"] == 2 * 100_000 + 1
    loop = max(profile.blocks, key=lambda block: block.taken)
    assert loop.instructions == 2
    assert (loop.executions, loop.taken) == (100_000, 99_999)


def test_counters_agree(probes: Callable[[str], Path]) -> None:
    board = load_board("stm32l4r9")
    functions: list[dict[str, int]] = []
    layers: list[object] = []
    for counter in ("native", "python"):
        with EmulatedBoard(probes(board.name), board, counter=counter) as emulated:
            assert emulated.counter == counter
            probe = Probe(emulated)
            probe.read_until("ready\n")
            emulated.trace_model("probe")
            for command in ("C", "F", "ac4", "ai0", "t", "m", "k"):
                probe.ask(command)
            counts = dict(emulated.profile().functions)
            del counts["start"]  # looks for a byte as often as the host's timing lets it
            functions.append(counts)
            layers.append(emulated.layer_events())
            layers.append(emulated.layer_profiles())
    assert len(functions[0]) > 6
    assert functions[0] == functions[1]
    assert layers[:2] == layers[2:]


def test_block_counts_are_instruction_counts(probes: Callable[[str], Path]) -> None:
    """Against the plainest reference there is: a hook on every single instruction."""
    totals = []
    for mode in ("native", "python", "reference"):
        image = Image(probes("stm32l4r9"))
        uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
        uc.ctl_set_cpu_model(uc_arm.UC_CPU_ARM_CORTEX_M4)
        flash = mmap.mmap(-1, 1 << 20)
        ((address, data),) = image.segments
        flash[: len(data)] = data
        pointer = ctypes.addressof(ctypes.c_char.from_buffer(flash))
        uc.mem_map_ptr(address, 1 << 20, UC_PROT_READ | UC_PROT_EXEC, pointer)
        uc.mem_map(0x20000000, 1 << 16)
        hits: list[int] = []
        if mode == "reference":
            uc.hook_add(UC_HOOK_CODE, lambda uc, at, size, hits: hits.append(at), hits)
        else:
            hooks = Hooks(lambda at, size: ([], False), lambda site: False, lambda at: None)
            counter = open_counter(uc, {address: flash}, hooks, mode, double=True)
        uc.reg_write(uc_arm.UC_ARM_REG_SP, 0x20010000)
        uc.reg_write(uc_arm.UC_ARM_REG_R0, 8)
        uc.reg_write(uc_arm.UC_ARM_REG_LR, image.symbols["Reset_Handler"])
        uc.emu_start(image.symbols["probe_run"], image.symbols["Reset_Handler"] & ~1)
        totals.append(len(hits) if mode == "reference" else counter.total)
    assert totals[0] == totals[1] == totals[2] > 1000


def test_count_at_a_fault(probes: Callable[[str], Path]) -> None:
    board = load_board("stm32h743")
    for counter in ("native", "python"):
        with EmulatedBoard(probes(board.name), board, counter=counter) as emulated:
            probe = Probe(emulated)
            probe.read_until("ready\n")
            emulated.transport.write(b"n")
            with pytest.raises(EmulationError):
                while True:
                    emulated.transport.read(1000, 10.0)
            # Blocks left in their middle count what they executed: the sum is checked inside.
            assert emulated.profile().instructions == emulated.instructions()


def test_layers(probe: Probe) -> None:
    emulated = probe.emulated
    emulated.trace_model("probe")
    words = emulated.image.symbols["words"]
    emulated.capture(
        {(0, row): [(words + 4 * row, 4, ("made", row))] for row in range(3)}
        | {(2, row): [(words + 32 + 4 * row, 4, ("added", row))] for row in range(3)}
    )
    assert probe.ask("m") == "ran"
    events = emulated.layer_events()
    shape = [(event.layer, event.first, event.last) for event in events]
    assert shape == [(0, 0, 1), (2, 0, 1), (0, 1, 2), (2, 1, 2), (0, 2, 3), (2, 2, 3)]
    profiles = emulated.layer_profiles()
    total = sum(event.instructions for event in events)
    assert sum(profile.instructions for profile in profiles.values()) == total
    functions = emulated.profile().functions
    ran = sum(functions[name] for name in ("probe_run", "probe_layer0", "probe_layer2"))
    assert total == ran
    # Rows are read when they are complete: layer 2 clears what layer 0 made.
    expected = {("made", row): 0x11111111 * (row + 1) for row in range(3)}
    expected |= {("added", row): 0x11111111 * (row + 1) + row for row in range(3)}
    found = {key: int.from_bytes(data, "little") for key, data in emulated.captured().items()}
    assert found == expected
    assert emulated.read_memory(words, 12) == bytes(12)
    # probe_layer2 has an array of 200 bytes; frames of saved registers come on top.
    assert 200 < emulated.stack_high_water() < 300
    assert emulated.runs() == 1
    assert probe.ask("m") == "ran"
    assert emulated.runs() == 2
    assert emulated.layer_events() == events


def test_trace_needs_its_functions(probe: Probe) -> None:
    with pytest.raises(EmulationError, match="cannot trace other_run"):
        probe.emulated.trace_model("other")
    with pytest.raises(EmulationError, match="no model is traced"):
        probe.emulated.layer_events()


def test_cycles_of_a_known_block() -> None:
    # ldr r1,[r0]; ldr r2,[r0,#4]; smlad r3,r1,r2,r3; subs r4,#1; bne back
    code = bytes.fromhex("0168 4268 21fb0233 013c f9d1")
    profile = Profile((Block(0x1000, len(code), 5, 10, 9, code),), {})
    # M4: 2 + 1 (pipelined) + 1 + 1 + 1 = 6 each, and 2 to refill at each of 9 taken branches.
    assert estimate_profile(profile, "cortex-m4") == 10 * 6 + 9 * 2
    m7 = estimate_profile(profile, "cortex-m7")
    assert 10 * 3 <= m7 <= 10 * 5
    assert estimate_cycles({0: profile, 1: profile}, "cortex-m7") == 2 * m7


def test_cycles_of_an_unknown_block() -> None:
    profile = Profile((Block(0x20000000, 6, 3, 10, 0),), {})  # code that the image does not hold
    assert estimate_profile(profile, "cortex-m4") == 30


@pytest.mark.parametrize("name", CORES)
def test_estimate_is_deterministic(name: str, probes: Callable[[str], Path]) -> None:
    estimates = set()
    for _ in range(2):
        board = load_board(name)
        with EmulatedBoard(probes(name), board) as emulated:
            probe = Probe(emulated)
            probe.read_until("ready\n")
            emulated.trace_model("probe")
            probe.ask("m")
            estimates.add(estimate_cycles(emulated.layer_profiles(), board.cpu))
    assert len(estimates) == 1
