"""Finds instructions that fault on an unaligned base, and where their base can be checked.

Unicorn lets unaligned LDRD, LDM, VLDR and the like pass; ARMv7-M cores fault. A base register that
reaches such an instruction as it was when the block began is checked once, natively, at the block's
start. A base that the block computes, and an instruction that may not execute (inside an IT block),
gets a hook of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import capstone
from capstone import arm, arm_const
from unicorn import arm_const as uc_arm

from tinydeploy.emulate.thumb import decode, wants_alignment

_decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
_decoder.detail = True

_UNICORN = {
    getattr(arm_const, f"ARM_REG_R{n}"): getattr(uc_arm, f"UC_ARM_REG_R{n}") for n in range(13)
} | {arm_const.ARM_REG_LR: uc_arm.UC_ARM_REG_LR}
_ALWAYS = (arm_const.ARM_CC_INVALID, arm_const.ARM_CC_AL)


@dataclass(frozen=True)
class Alignment:
    """Which bases of a block to check.

    Args:
        at_start: (Unicorn register, instruction address): the register as it is when the block
            begins.
        at_site: The same, as it is when the instruction executes, and the instruction's condition
            code as encoded (14: always).
    """

    at_start: list[tuple[int, int]]
    at_site: list[tuple[int, int, int]]


def find_bases(code: bytes, address: int) -> Alignment:
    """Analyses one block of Thumb code.

    Args:
        code: The block's bytes.
        address: Its first address.
    """
    sites = {
        at: _base_number(first)
        for at, first, second in decode(code, address)
        if wants_alignment(first, second)
    }
    found = Alignment([], [])
    # For each register whose value modulo 4 is still that of a register at the block's start: which
    # one.
    origin = {register: register for register in _UNICORN.values()}
    seen = set()
    for instruction in _decoder.disasm(code, address):
        seen.add(instruction.address)
        if instruction.address in sites:
            register = uc_arm.UC_ARM_REG_R0 + sites[instruction.address]
            if sites[instruction.address] == 14:
                register = uc_arm.UC_ARM_REG_LR
            if register in origin and instruction.cc in _ALWAYS:
                found.at_start.append((origin[register], instruction.address))
            else:
                condition = 14 if instruction.cc in _ALWAYS else instruction.cc - 1
                found.at_site.append((register, instruction.address, condition))
        _follow(instruction, origin, sites)
    for at in sites.keys() - seen:  # the decoder gave up before it: look when it executes
        register = uc_arm.UC_ARM_REG_R0 + sites[at]
        found.at_site.append((uc_arm.UC_ARM_REG_LR if sites[at] == 14 else register, at, 14))
    return found


def _base_number(first: int) -> int:
    return first >> 8 & 7 if first < 0xE800 else first & 15


def _follow(instruction: capstone.CsInsn, origin: dict[int, int], sites: dict[int, int]) -> None:
    """Updates `origin` for what the instruction writes."""
    _, written = instruction.regs_access()
    changed = {_UNICORN[register] for register in written if register in _UNICORN}
    operands = instruction.operands
    always = instruction.cc in _ALWAYS
    if instruction.address in sites and instruction.writeback:
        # Its own write-back moves a base by a multiple of 4, unless it loads the base as well.
        base = uc_arm.UC_ARM_REG_R0 + sites[instruction.address]
        named = [_UNICORN.get(o.reg) for o in operands if o.type == arm.ARM_OP_REG]
        has_memory = any(o.type == arm.ARM_OP_MEM for o in operands)
        if named.count(base) <= (0 if has_memory else 1):
            changed.discard(base)
    name = instruction.mnemonic.split(".")[0].rstrip("sw")
    keep: dict[int, int] = {}
    if always and operands and operands[0].type == arm.ARM_OP_REG and operands[0].reg in _UNICORN:
        target = _UNICORN[operands[0].reg]
        source = (
            _UNICORN.get(operands[1].reg)
            if len(operands) > 1 and operands[1].type == arm.ARM_OP_REG
            else None
        )
        if name == "mov" and source in origin and operands[1].shift.type == 0:
            keep[target] = origin[source]
        elif (
            name in ("add", "sub")
            and operands[-1].type == arm.ARM_OP_IMM
            and operands[-1].imm % 4 == 0
        ):
            source = source if len(operands) == 3 else target
            if source in origin:
                keep[target] = origin[source]
    for register in changed:
        origin.pop(register, None)
    origin.update(keep)
