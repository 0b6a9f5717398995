"""A plan's time for pictures: where it is cut into groups, and how wide each moment is drawn.

Moments are those of occupancy.py: one for the inputs, one per step, one for the outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tinydeploy.plan.plan import FEED, Plan


@dataclass(frozen=True)
class Group:
    """Layers whose calls take turns; between groups tensors are whole.

    Args:
        begin: First moment.
        end: Moment behind the last.
        ops: Positions in Graph.ops, ascending; FEED in front where rows of the input come between.
    """

    begin: int
    end: int
    ops: tuple[int, ...]

    @property
    def name(self) -> str:
        """The layers in words: `3`, `3-7`, or `in-3` with the input."""
        ends = dict.fromkeys((self.ops[0], self.ops[-1]))
        return "-".join("in" if op == FEED else str(op) for op in ends)


def find_groups(plan: Plan) -> list[Group]:
    """Cuts the steps wherever no layer has been called before and is called again behind."""
    last_step = {step.op: number for number, step in enumerate(plan.steps)}
    cuts: list[int] = []
    reach = -1
    for number, step in enumerate(plan.steps):
        if number > reach:
            cuts.append(number)
        reach = max(reach, last_step[step.op])
    return [
        Group(begin + 1, end + 1, tuple(sorted({step.op for step in plan.steps[begin:end]})))
        for begin, end in pairwise([*cuts, len(plan.steps)])
    ]


def measure_moments(groups: Sequence[Group]) -> list[float]:
    """Where each moment begins on an axis of layers, and where the last ends.

    Each layer is as wide as any other; in a group all moments are. Inputs and outputs are as wide
    as a layer. Calls cost as different amounts of time as layers do: this is no axis of seconds.
    """
    positions = [0.0, 1.0]
    for group in groups:
        start, each = positions[-1], len(group.ops) / (group.end - group.begin)
        positions += [start + each * number for number in range(1, group.end - group.begin + 1)]
    return [*positions, positions[-1] + 1.0]
