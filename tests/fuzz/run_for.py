"""Random graphs for a given time: `make fuzz SECONDS=600 SEED=1 COMPILER=both EMULATOR=yes`.

Ends with the number of graphs in each mode and of each operator and attribute in them, or with the
smallest graph that fails, which it leaves among the cases that the fast tests run. TALLY=FILE adds
what is counted to the counts of runs before, and keeps the sums there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from check_graph import MODES, Compiler, Mode, check_graph, compile_all_kernels
from coverage_table import CoverageTable
from emulate_graph import check_emulated_graph
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from random_graphs import all_graphs

CASES = Path(__file__).with_name("cases")
ROUND = 10  # graphs of a seed: hypothesis makes later ones of a round from earlier ones


def main() -> None:
    """Rounds of random graphs until the time is up, or as many graphs as wanted are right."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--graphs", type=int, default=1 << 30, help="end after so many")
    options.add_argument("--seed", type=int, default=1, help="of the first round")
    options.add_argument("--compiler", choices=("gcc", "clang", "both"), default="both")
    options.add_argument("--emulator", action="store_true", help="run them as firmware")
    options.add_argument("--tally", type=Path, help="file of counts to begin with, and to leave")
    arguments = options.parse_args()
    compilers: tuple[Compiler, ...] = (
        ("gcc", "clang") if arguments.compiler == "both" else (arguments.compiler,)
    )
    campaign = Campaign(compilers, arguments.emulator)
    if arguments.tally and arguments.tally.exists():
        campaign.add_counts(arguments.tally.read_text("utf-8"))
    before = campaign.done
    end = time.monotonic() + arguments.seconds
    for round_seed in range(arguments.seed, arguments.seed + 1_000_000):
        left = arguments.graphs - (campaign.done - before)
        if time.monotonic() >= end or left <= 0:
            break
        _say(f"seed {round_seed}: {campaign.done} graphs are right")
        campaign.run_round(round_seed, min(left, ROUND))
        if arguments.tally:
            arguments.tally.write_text(campaign.format_counts(), encoding="utf-8")
    where = "in the emulated boards" if arguments.emulator else "on the host, under sanitizers"
    _say(f"{campaign.done} random graphs {where}, seeds from {arguments.seed} on: bit-exact")
    _say(campaign.format_modes())
    _say(campaign.table.format())
    _say(f"never seen: {'; '.join(campaign.table.list_unseen()) or 'nothing'}")


class Campaign:
    """Counts what was right.

    Args:
        compilers: Drawn from for each graph.
        emulator: Build firmware and emulate it; else the host.
    """

    def __init__(self, compilers: Sequence[Compiler], emulator: bool) -> None:
        self.table, self.modes = CoverageTable(), Counter[str]()
        self._compilers, self._emulator = compilers, emulator
        self._folder = tempfile.TemporaryDirectory()
        self._kernels = {} if emulator else compile_all_kernels(Path(self._folder.name), *compilers)

    @property
    def done(self) -> int:
        """Graphs that were right."""
        return self.modes.total()

    def add_counts(self, text: str) -> None:
        """Adds what `format_counts` wrote."""
        counts = json.loads(text)
        self.modes.update(counts["modes"])
        self.table.add_counts(counts["table"])

    def format_counts(self) -> str:
        """All counts, as JSON."""
        return json.dumps({"modes": self.modes, "table": self.table.list_counts()}, indent=1)

    def format_modes(self) -> str:
        """Graphs of each mode, board and compiler, as a list."""
        return "\n".join(f"* {mode}: {count}" for mode, count in sorted(self.modes.items()))

    def run_round(self, number: int, most: int) -> None:
        """Draws up to `most` graphs; the smallest that fails stays among the cases."""
        failure = CASES / f"failure_{number}.tflite"

        @seed(number)
        @settings(
            max_examples=most, deadline=None, database=None,
            phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(model=all_graphs(), mode=MODES, compiler=st.sampled_from(self._compilers))
        def one_round(model: bytes, mode: Mode, compiler: Compiler) -> None:
            failure.write_bytes(model)  # the last one that is tried is the smallest
            if not self._emulator:
                check_graph(model, mode, self._kernels, compiler=compiler)
            elif mode.schedule != "board" or not check_emulated_graph(
                model, mode, compiler=compiler
            ):
                return
            self.modes[f"{mode.name}, {mode.board}, {compiler}"] += 1
            self.table.add(model)

        one_round()
        failure.unlink(missing_ok=True)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
