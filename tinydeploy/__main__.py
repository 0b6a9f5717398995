"""Where a process begins, `tinydeploy` or `python -m tinydeploy`: signals first, then the rest."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn


def start() -> NoReturn:
    """Runs the command line; Ctrl-C, SIGTERM and a closed terminal leave nothing half-written."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)
    try:
        from tinydeploy.cli.main import main

        main()
    except KeyboardInterrupt:  # while modules load, or past the end of a command
        sys.exit(130)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    """Leaves through every `finally`: unfinished folders and child processes go."""
    sys.exit(128 + number)


if __name__ == "__main__":
    start()
