"""A process that makes one thing of one target: `python -m tinydeploy.check.worker RESULT`.

It runs the user's code and may be taken down with it; the other targets go on. The task comes as a
pickle on stdin; the names of stages go out on stdout, a line each, and the outcome into the file
RESULT. What else the process would print on stdout goes to stderr.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

from tinydeploy.check.tasks import Task, TaskWatch, run_task


def _main(result: Path) -> None:
    stages = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    task: Task = pickle.load(sys.stdin.buffer)
    outcome = run_task(task, TaskWatch(lambda name: print(name, file=stages)))
    result.write_bytes(pickle.dumps(outcome))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
