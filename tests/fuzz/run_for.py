"""Random graphs for a given time: `make fuzz SECONDS=600 SEED=1`.

Ends with the number of graphs and of each operator in them, or with the smallest graph that fails,
which it writes to fuzz_failure.tflite.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from check_graph import Mode, check_graph
from hypothesis import HealthCheck, Phase, given, seed, settings
from random_graphs import graphs
from test_random_graphs import MODES

from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.validate.host import compile_kernels

FAILURE = Path("fuzz_failure.tflite")
ROUND = 50  # graphs between looks at the clock


def main(seconds: float, first_seed: int) -> None:
    """Rounds of random graphs until the time is up."""
    counts: Counter[str] = Counter()
    done = 0
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        kernels = compile_kernels(Path(folder), sanitize=True)
        for round_seed in range(first_seed, first_seed + 1_000_000):
            if time.monotonic() >= end:
                break

            @seed(round_seed)
            @settings(
                max_examples=ROUND,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            )
            @given(model=graphs(), mode=MODES)
            def one_round(model: bytes, mode: Mode) -> None:
                nonlocal done
                FAILURE.write_bytes(model)  # stays if the check fails; the last is the smallest
                check_graph(model, mode, kernels)
                done += 1
                counts.update({op.builtin for op in parse_tflite(model).operators})

            _say(f"seed {round_seed}: {done} graphs are right")
            one_round()
    FAILURE.unlink(missing_ok=True)
    _say(f"{done} random graphs, all of them bit-exact and without a finding of a sanitizer")
    _say("graphs with " + ", ".join(f"{name}: {n}" for name, n in sorted(counts.items())))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
