"""Damaged real models: `make fuzz-mutations CASES=10000`.

Each one builds and is bit-exact on the host, or ends in one of our errors; never in another
exception, a crash, a minute of time or 1 GB of memory. A file that does is kept as
fuzz_failure_<model>_<seed>.tflite.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from mutation_case import try_file, warm_up
from mutations import find_tables, mutate

from tinydeploy.validate.host import compile_kernels

# Models take turns the more often the smaller they are, down to a twentieth of this: large ones
# take long to compile.
SHARE_BYTES = 1_000_000


def main() -> int:
    """Runs the cases in turn over the models; the exit code says whether one failed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("models", type=Path, help="folder of .tflite files")
    options.add_argument("--cases", type=int, default=10_000)
    options.add_argument("--first", type=int, default=0, help="seed of the first case")
    arguments = options.parse_args()
    victims = [
        find_tables(p.stem, p.read_bytes()) for p in sorted(arguments.models.glob("*.tflite"))
    ]
    if not victims:
        options.error(f"there is no .tflite file in {arguments.models}")
    turns = [v for v in victims for _ in range(max(1, min(20, SHARE_BYTES // len(v.data))))]
    counts: Counter[tuple[str, str]] = Counter()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        compile_kernels(Path(folder))
        warm_up(victims[0].data, Path(folder))
        for seed in range(arguments.first, arguments.first + arguments.cases):
            victim = turns[seed * 7919 % len(turns)]
            kind, data = mutate(victim, seed)
            outcome = try_file(data, seed, Path(folder))
            counts[kind, outcome.kind] += 1
            if not outcome.good:
                failed += 1
                path = Path(f"fuzz_failure_{victim.name}_{seed}.tflite")
                path.write_bytes(data)
                _say(f"{path}: {outcome.said}")
            if seed % 500 == 499:
                _say(f"{sum(counts.values())} cases, {failed} bad ones")
    ends = sorted({end for _, end in counts})
    _say(" | ".join(("damage", *ends)))
    for kind in sorted({kind for kind, _ in counts}):
        _say(" | ".join((kind, *(str(counts[kind, end]) for end in ends))))
    _say(
        " | ".join(
            ("all", *(str(sum(n for (_, e), n in counts.items() if e == end)) for end in ends))
        )
    )
    return 1 if failed else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
