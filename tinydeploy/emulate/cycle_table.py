"""Instruction timings behind the cycle estimate, and where they come from.

Cortex-M4: Arm's Technical Reference Manual 100166, tables 3-1 (processor instructions), 3.3.3
(load and store timings) and 7-1 (floating point), for memory without wait states.

Cortex-M7: Arm publishes no timings. Number of pipes and latencies as in LLVM's scheduling model of
the core (ARMScheduleM7.td): two ALUs, two load pipes, one pipe each for stores, shifts,
multiply-accumulate, packed arithmetic, branches and floating point; in order, two instructions a
cycle at most.
"""

from __future__ import annotations

# Pipeline refill behind a taken branch. The M4's manual says 1 to 3. The M7 predicts branches: a
# loop of one block turns without loss, other targets are taken to cost one cycle.
M4_REFILL = 2
M7_TAKEN = 1

LOADS = frozenset(["ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "ldrex", "ldrexb", "ldrexh", "vldr"])
STORES = frozenset(["str", "strb", "strh", "strex", "strexb", "strexh", "vstr"])
# One register after the other.
MULTIPLE = frozenset(
    (
        "ldm",
        "ldmdb",
        "stm",
        "stmdb",
        "push",
        "pop",
        "vldmia",
        "vldmdb",
        "vstmia",
        "vstmdb",
        "vpush",
        "vpop",
    )
)
PAIRS = frozenset(["ldrd", "strd"])
BRANCHES = frozenset(["b", "bl", "bx", "blx", "cbz", "cbnz", "tbb", "tbh"])

# Cycles of the M4's other instructions where they are not 1. Division ends early: 2 to 12.
M4_CYCLES = {
    "sdiv": 7, "udiv": 7, "tbb": 2, "tbh": 2, "isb": 1 + M4_REFILL,
    "vdiv": 14, "vsqrt": 14,
    "vmla": 3, "vmls": 3, "vnmla": 3, "vnmls": 3, "vfma": 3, "vfms": 3, "vfnma": 3, "vfnms": 3,
}  # fmt: skip

# Pipes of the M7 and how many instructions each takes per cycle.
M7_PIPES = {"alu": 2, "shift": 1, "mac": 1, "simd": 1, "load": 2, "store": 1, "branch": 1, "fpu": 1}
# Cycles until a result can be used.
M7_LATENCY = {
    "alu": 1,
    "shift": 1,
    "mac": 2,
    "simd": 1,
    "load": 2,
    "store": 1,
    "branch": 1,
    "fpu": 3,
}
# Loads of less than a word pass one stage more.
M7_NARROW_LOADS = frozenset(["ldrb", "ldrh", "ldrsb", "ldrsh"])
M7_NARROW_LATENCY = 3
# Cycles until a result can be used and the next instruction can issue.
M7_BLOCKING = {"sdiv": 7, "udiv": 7, "vdiv": 16, "vsqrt": 16}

M7_SHIFTS = frozenset(
    (
        "lsl",
        "lsr",
        "asr",
        "ror",
        "rrx",
        "bfc",
        "bfi",
        "sbfx",
        "ubfx",
        "sxtb",
        "sxth",
        "uxtb",
        "uxth",
    )
)
M7_MACS = (
    "mul", "mla", "mls", "smul", "smla", "smls", "umul", "umla", "umaal", "smmul", "smmla",
    "smmls", "smuad", "smusd",
)  # fmt: skip
M7_SIMD = (
    "sxtb16", "uxtb16", "sxtab", "uxtab", "sxtah", "uxtah", "pkh", "ssat", "usat", "qadd", "qsub",
    "qdadd", "qdsub", "qasx", "qsax", "sadd", "ssub", "uadd", "usub", "shadd", "shsub", "uhadd",
    "uhsub", "uqadd", "uqsub", "sasx", "ssax", "uasx", "usax", "sel", "usad", "rev", "rbit", "clz",
)  # fmt: skip
