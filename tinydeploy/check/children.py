"""Runs tasks in child processes, which all end with this one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from tinydeploy.check.tasks import Outcome, Task
from tinydeploy.errors import TinydeployError

_STDERR_LINES = 3


class Children:
    """The processes that run now; used from several threads.

    Args:
        folder: Where they run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def run(self, task: Task, begin: Callable[[str], None]) -> Outcome:
        """Runs a task to its end; `begin` is told the names of its stages."""
        with tempfile.TemporaryDirectory(prefix="tinydeploy-check-") as folder:
            result, errors = Path(folder) / "outcome", Path(folder) / "stderr"
            stages: list[str] = []
            with errors.open("wb") as log:
                command = [sys.executable, "-P", "-m", "tinydeploy.check.worker", str(result)]
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self._folder,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())},
                )
            with self._lock:
                self._running.add(child)
            assert child.stdin is not None
            assert child.stdout is not None
            with child.stdin as stdin:
                stdin.write(pickle.dumps(task))
            with child.stdout as stdout:
                for line in stdout:
                    stages.append(line.decode().strip())
                    begin(stages[-1])
            child.wait()
            with self._lock:
                self._running.discard(child)
            if result.is_file():
                outcome: Outcome = pickle.loads(result.read_bytes())
                return outcome
            said = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        where = f"in the stage {stages[-1]}" if stages else "before its first stage"
        tail = " / ".join(said[-_STDERR_LINES:]) or "it said nothing"
        error = TinydeployError(
            f"the build's process ended with code {child.returncode} {where}: {tail}",
            "Does `tinydeploy build` with the same options work? Is there enough memory?",
        )
        return Outcome(None, error, tuple(stages))

    def kill(self) -> None:
        """Ends all of them."""
        with self._lock:
            for child in self._running:
                child.kill()


def _search_path() -> list[str]:
    return [str(Path(entry).resolve()) for entry in sys.path if entry]
