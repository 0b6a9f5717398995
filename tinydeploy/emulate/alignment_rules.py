"""Applies the alignment rules to a running core, block by block as it meets new code."""

from __future__ import annotations

from unicorn import Uc
from unicorn import arm_const as uc_arm

from tinydeploy.emulate.alignment import find_bases
from tinydeploy.emulate.counter import Counter
from tinydeploy.emulate.memories import Memories


class AlignmentRules:
    """Tells the counter which bases to check, and hooks the instructions that need it.

    Args:
        uc: The processor.
        memories: Where the code is.
    """

    def __init__(self, uc: Uc, memories: Memories) -> None:
        self._uc, self._memories = uc, memories
        self._waiting: list[tuple[int, int, int]] = []
        self._conditions: dict[int, int] = {}  # condition codes of instructions with a hook

    def analyse(self, address: int, size: int) -> tuple[list[tuple[int, int]], bool]:
        """See Hooks.analyse."""
        found = find_bases(self._memories.read(address, size) or b"", address)
        self._waiting += found.at_site
        return found.at_start, bool(found.at_site)

    def hook_sites(self, counter: Counter, pc: int) -> None:
        """Hooks what the last analysis found, and has the block at `pc` translated anew."""
        last = pc
        for register, site, condition in self._waiting:
            counter.add_site(register, site, condition != 14)
            self._conditions[site] = condition
            last = max(last, site)
        self._waiting.clear()
        self._uc.ctl_remove_cache(pc, last + 4)

    def forget(self) -> None:
        """Forgets what it found: other code lies in the memories now."""
        self._waiting.clear()
        self._conditions.clear()

    def would_execute(self, site: int) -> bool:
        """See Hooks.judge."""
        return passes(self._conditions[site], self._uc.reg_read(uc_arm.UC_ARM_REG_XPSR))


def passes(condition: int, psr: int) -> bool:
    """Whether a condition code holds for the flags in xPSR (ARMv7-M ARM, A7.3)."""
    n, z, c, v = (bool(psr >> bit & 1) for bit in (31, 30, 29, 28))
    holds = (z, c, n, v, c and not z, n == v, n == v and not z, True)[condition >> 1]
    return holds != bool(condition & 1)
