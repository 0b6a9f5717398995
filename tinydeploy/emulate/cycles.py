"""Estimates cycles from counts of executed blocks: a static model, not a measurement.

It knows each block's instructions and how often it ran and was left by a taken branch. It does not
know caches, flash wait states, bus contention, alignment or mispredicted branches.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from tinydeploy.emulate import cycle_table as table
from tinydeploy.emulate.profile import Block, Profile
from tinydeploy.errors import MissingDependencyError


def estimate_cycles(profiles: Mapping[int, Profile], cpu: str) -> int:
    """Estimated core cycles of all layers together.

    Args:
        profiles: What each layer executed, see EmulatedBoard.layer_profiles().
        cpu: "cortex-m4" or "cortex-m7".

    Raises:
        MissingDependencyError: Capstone is not installed.
    """
    return sum(estimate_profile(profile, cpu) for profile in profiles.values())


def estimate_profile(profile: Profile, cpu: str) -> int:
    """Estimated core cycles of one stretch of execution; see estimate_cycles()."""
    return sum(_block_cycles(block, cpu) for block in profile.blocks)


def _block_cycles(block: Block, cpu: str) -> int:
    known, straight, taken = _cost(block.code, block.address, cpu)
    # One cycle for each instruction that the image does not hold or the decoder does not know.
    straight += block.instructions - known
    return straight * block.executions + taken * block.taken


@cache
def _cost(code: bytes, address: int, cpu: str) -> tuple[int, int, int]:
    """Instructions of a block, their cycles, and those that a taken branch at its end adds."""
    instructions = list(_open_decoder().disasm(code, address))
    if cpu == "cortex-m7":
        once = _m7_cycles(instructions)
        if instructions and _target(instructions[-1]) == address:
            # A loop: what one turn costs when the turn before has just ended.
            turn = _m7_cycles(instructions * 2) - once
            return len(instructions), once, turn - once
        return len(instructions), once, table.M7_TAKEN
    return len(instructions), _m4_cycles(instructions), table.M4_REFILL


@cache
def _open_decoder() -> Any:
    try:
        import capstone
    except ImportError as error:
        raise MissingDependencyError(
            "the cycle estimate needs the package capstone",
            "Install it with: pip install 'tinydeploy[emulate]'.",
        ) from error
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    decoder.detail = True
    return decoder


def _target(instruction: Any) -> int | None:
    """Where a direct branch leads."""
    operands = instruction.operands
    direct = instruction.insn_name() in table.BRANCHES and operands and operands[-1].type == 2
    return int(operands[-1].imm) if direct else None


def _registers(instruction: Any) -> int:
    """Registers that a multiple load or store transfers."""
    named = sum(1 for operand in instruction.operands if operand.type == 1)
    return named - (instruction.insn_name() not in ("push", "pop", "vpush", "vpop"))


def _m4_cycles(instructions: list[Any]) -> int:
    cycles = 0
    pipelined = False  # the instruction before was a single load or store
    for instruction in instructions:
        name = instruction.insn_name()
        single = name in table.LOADS or name in table.STORES
        if name in table.LOADS:
            cycles += 1 if pipelined else 2
        elif name in table.STORES:
            # With a constant offset the store completes behind the next instruction.
            cycles += 1 if pipelined or not _has_index(instruction) else 2
        elif name in table.PAIRS:
            cycles += 3
        elif name in table.MULTIPLE:
            cycles += 1 + _registers(instruction)
        else:
            cycles += table.M4_CYCLES.get(name, 1)
        pipelined = single
    return cycles


def _has_index(instruction: Any) -> bool:
    """Whether the address is the sum of two registers."""
    return any(operand.type == 3 and operand.mem.index for operand in instruction.operands)


def _m7_cycles(instructions: list[Any]) -> int:
    """Issues in order, two a cycle at most, as pipes and operands allow."""
    cycle = 0  # in which the next instruction may issue
    issued = 0  # instructions in this cycle
    busy: dict[str, int] = {}  # pipes taken in this cycle
    ready: dict[int, int] = {}  # register -> cycle in which its value is there
    for instruction in instructions:
        name = instruction.insn_name()
        read, written = instruction.regs_access()
        pipe = _m7_pipe(name)
        alone = _m7_alone(instruction, name)
        earliest = max([cycle, *(ready.get(register, 0) for register in read)])
        full = issued == 2 or busy.get(pipe, 0) == table.M7_PIPES[pipe] or (alone and issued)
        if earliest > cycle or full:
            cycle = max(earliest, cycle + (1 if full else 0))
            issued, busy = 0, {}
        if alone:
            # What it transfers is there when it ends, and it ends before anything else begins.
            ready |= dict.fromkeys(written, cycle + alone - 1 + table.M7_LATENCY[pipe])
            cycle, issued, busy = cycle + alone, 0, {}
            continue
        issued += 1
        busy[pipe] = busy.get(pipe, 0) + 1
        narrow = name in table.M7_NARROW_LOADS
        latency = table.M7_NARROW_LATENCY if narrow else table.M7_LATENCY[pipe]
        ready |= dict.fromkeys(written, cycle + latency)
        if instruction.writeback:  # the new base comes from the address adder
            ready |= dict.fromkeys(set(read) & set(written), cycle + 1)
    return cycle + (1 if issued else 0)


def _m7_pipe(name: str) -> str:
    if name in table.LOADS or name in ("ldrd", "ldm", "ldmdb", "pop", "vldmia", "vldmdb", "vpop"):
        return "load"
    if name in table.STORES or name in table.PAIRS or name in table.MULTIPLE:
        return "store"
    if name in table.BRANCHES:
        return "branch"
    if name.startswith(table.M7_MACS):
        return "mac"
    if name in table.M7_SHIFTS:
        return "shift"
    if name.startswith(table.M7_SIMD):
        return "simd"
    return "fpu" if name.startswith("v") else "alu"


def _m7_alone(instruction: Any, name: str) -> int:
    """Cycles in which nothing else issues; 0 for what can be paired."""
    if name in table.MULTIPLE:
        return max(1, (_registers(instruction) + 1) // 2)
    if name in table.PAIRS:
        return 1
    return table.M7_BLOCKING.get(name, 0)
