"""How an emulated chip is set up."""

from __future__ import annotations

from dataclasses import dataclass

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
        faults: What goes wrong with it.
    """

    counter: str = ""
    debug: bool = False
    protected: bool = False
    accelerator: str = ""
    faults: LinkFaults = NO_FAULTS
