"""How an emulated chip is set up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChipOptions:
    """How an emulated chip is set up.

    Args:
        counter: "native", "python", or "" for the faster one that works.
        debug: Whether a debugger may come: a firmware that stops can then be looked at, and reset.
        protected: Whether readout protection level 1 keeps debuggers from the flash.
    """

    counter: str = ""
    debug: bool = False
    protected: bool = False
