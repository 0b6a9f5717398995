"""`python -m benchmarks.training`: methods for few labels on digits, for docs/training.md.

Three campaigns of `tinydeploy train benchmark`: the small plain net on the split that its settings
were chosen on, the same on another split, and EtinyNet. What is kept in the folder is not run
again, so it may be interrupted. With --finished it runs nothing and shows the runs that are there.
The page gets the accuracies, the file beside it all tables.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from benchmarks.__main__ import place_tables
from tinydeploy.train.benchmark.campaign import Result, find_results, name_run, run_campaign
from tinydeploy.train.benchmark.tables import write_accuracies, write_markdown
from tinydeploy.train.train_net import TrainRequest

_SELF_TRAINING = ("plain", "data", "model", "model-data")
_SEEDS = range(5)
_OTHER_SEEDS = range(5, 10)


def list_campaigns() -> dict[str, list[TrainRequest]]:
    """The runs of each table."""
    methods = ("supervised", *_SELF_TRAINING, "fixmatch", "mixmatch")
    return {
        "training chosen": [
            TrainRequest(method, "plain_cnn", "digits", labels_per_class=labels, seed=seed)
            for labels, method, seed in product((4, 10), methods, _SEEDS)
        ],
        "training confirmed": [
            TrainRequest(
                method, "plain_cnn", "digits", labels_per_class=labels, seed=seed, split_seed=1
            )
            for labels, method, seed in product(
                (4, 10), ("supervised", "plain", "fixmatch", "mixmatch"), _OTHER_SEEDS
            )
        ],
        "training etinynet": [
            TrainRequest(
                method, "etinynet-0.5-2220", "digits", size=32, labels_per_class=4, seed=seed
            )
            for method, seed in product(("supervised", "mixmatch"), range(3))
        ],
    }


def main() -> int:
    """Trains, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("out/bench-training"))
    parser.add_argument("--finished", action="store_true", help="run nothing")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put accuracies into this file")
    parser.add_argument("--tables", type=Path, metavar="FILE", help="put all tables into this one")
    arguments = parser.parse_args()
    short, whole = {}, {}
    for name, requests in list_campaigns().items():
        folder = arguments.folder / "runs"
        if arguments.finished:
            results: Sequence[Result] = find_results(requests, folder)
        else:
            results = run_campaign(requests, folder, _tell)
        short[name] = whole[name] = f"{_count(results, len(requests))}\n"
        if results:
            short[name] += f"\n{write_accuracies(results)}"
            whole[name] += f"\n{write_markdown(results)}"
        sys.stdout.write(f"{name}\n\n{whole[name]}\n")
    for file, tables in ((arguments.write, short), (arguments.tables, whole)):
        if file is not None:
            file.write_text(place_tables(file.read_text("utf-8"), tables), "utf-8")
    return 0


def _tell(index: int, result: Result) -> None:
    del index
    score = result.error or str(result.scores)
    sys.stderr.write(f"{name_run(result.request)}: {score}, {result.seconds:.0f} s\n")


def _count(results: Sequence[Result], wanted: int) -> str:
    minutes = sum(result.seconds for result in results) / 60
    missing = wanted - len(results)
    rest = f"; {missing} of {wanted} runs are not done yet" if missing else ""
    return f"{len(results)} runs, {minutes:.1f} minutes of one core{rest}."


if __name__ == "__main__":
    sys.exit(main())
