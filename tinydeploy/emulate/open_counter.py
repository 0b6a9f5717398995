"""Chooses between the counters."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path

from unicorn import Uc

from tinydeploy.emulate.counter import Counter, Hooks
from tinydeploy.emulate.native_counter import NativeCounter
from tinydeploy.emulate.python_counter import PythonCounter
from tinydeploy.errors import MissingDependencyError
from tinydeploy.native import load_native

_COUNTER = Path(__file__).with_name("block_counter.c")


def open_counter(
    uc: Uc, code: Mapping[int, mmap.mmap], hooks: Hooks, kind: str, *, double: bool
) -> Counter:
    """Makes the fastest counter there is and hooks it.

    Args:
        uc: The processor.
        code: Executable memories: first address -> content.
        hooks: Functions to call.
        kind: "native", "python", or "" for native with Python as the fallback.
        double: Whether the FPU computes with double precision.
    """
    library = None if kind == "python" else load_native(_COUNTER)
    if library is None and kind == "native":
        raise MissingDependencyError(
            "the native instruction counter needs a C compiler for this machine",
            "Install one, e.g. gcc, or use the counter in Python.",
        )
    if library is None:
        return PythonCounter(uc, code, hooks, double=double)
    return NativeCounter(uc, code, hooks, library, double=double)
