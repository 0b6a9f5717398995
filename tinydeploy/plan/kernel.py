"""What the plan says of the kernel that runs an op."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Optimize = Literal["balanced", "speed", "ram", "flash"]
"""What to prefer where kernels trade speed, RAM and flash against each other."""


@dataclass(frozen=True)
class Kernel:
    """A kernel chosen for one op.

    A family of kernels with settings of its own (pixels at a time, say) subclasses this; the code
    generator of the op finds that subclass in `LayerContext.kernel`.

    Args:
        stem: Its function is td_<stem>, in firmware/kernels/<stem>.c.
        scratch_bytes: Working memory that it needs while it runs, aligned to 4 by whoever places
            it; 0 for none.
        accumulates: It takes rows of its input, from the first to the last in as many calls as one
            likes, and makes its output with the last of them; its scratch keeps sums in between.
    """

    stem: str
    scratch_bytes: int = 0
    accumulates: bool = False
