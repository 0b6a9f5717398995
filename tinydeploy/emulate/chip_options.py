"""How an emulated chip is set up."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.board import Link
from tinydeploy.npu.link_faults import NO_FAULTS, LinkFaults


@dataclass(frozen=True)
class ChipOptions:
    """How an emulated chip is set up.

    Args:
        counter: "native", "python", or "" for the faster one that works.
        debug: Whether a debugger may come: a firmware that stops can then be looked at, and reset.
        protected: Whether readout protection level 1 keeps debuggers from the flash.
        accelerator: What is wired to the board's pins for an accelerator, as "module:name" of what
            makes an Accelerator; empty for nothing.
        link: How that is linked.
        faults: What goes wrong with it.
    """

    counter: str = ""
    debug: bool = False
    protected: bool = False
    accelerator: str = ""
    link: Link = "spi"
    faults: LinkFaults = NO_FAULTS
