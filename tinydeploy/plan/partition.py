"""Cuts the ops into groups: the least cost within a limit of live bytes, by dynamic programming.

A row lives from the call that makes it to the last call that reads it. This one rule covers line
buffers, skip connections, several inputs and outputs. What a group needs does not depend on how the
rest is cut, because tensors are whole between groups; so the best way to reach a cut is the best
way to reach an earlier one, and one group more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.plan.net import Net
from tinydeploy.plan.schedule import Event, Group, find_makers, schedule_group

# Larger groups are not tried: their line buffers cost more than the tensor at a cut between them.
_MAX_NODES = 64
_ROWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


@dataclass(frozen=True)
class Partition:
    """Groups, the most bytes live at any moment, and the estimated instructions of all calls."""

    groups: tuple[Group, ...]
    live: int
    cost: int


class Partitioner:
    """Finds partitions of one net under several limits; what it measures it keeps."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._makers = find_makers(net)
        self._measured: dict[Group, tuple[int, int]] = {}
        stores = net.stores.values()
        count = len(net.nodes)
        # Bytes at each cut, where every tensor that is needed on is whole.
        self._at_cut = [
            sum(s.size for s in stores if s.birth < cut <= s.death) for cut in range(count + 1)
        ]
        self._at_cut[0] = sum(s.size for s in stores if s.birth < 0)
        self._work = sum(node.rows * node.row_cost for node in net.nodes)

    @property
    def whole(self) -> Partition:
        """Layer by layer."""
        nodes = enumerate(self._net.nodes)
        return self._join([Group(n, n + 1, node.rows) for n, node in nodes])

    def least_live(self) -> Partition:
        """A partition with the least live bytes that one-row calls reach."""
        best: list[tuple[int, Group | None]] = [(self._at_cut[0], None)]
        for last in range(1, len(self._net.nodes) + 1):
            reached: tuple[int, Group | None] = (1 << 62, None)
            for first in self._starts(last):
                floor = max(best[first][0], self._at_cut[last])
                if floor < reached[0]:
                    group = Group(first, last, 1)
                    live = max(floor, self.measure(group)[0])
                    if live < reached[0]:
                        reached = live, group
            best.append(reached)
        return self._trace([group for _, group in best])

    def least_cost(self, limit: int) -> Partition | None:
        """The partition of the least cost that keeps within `limit` live bytes, if there is one."""
        nodes = self._net.nodes
        once = np.cumsum([0, *(node.call_cost for node in nodes)])
        best: list[tuple[float, Group | None]] = [(0.0, None)]
        for last in range(1, len(nodes) + 1):
            reached: tuple[float, Group | None] = (float("inf"), None)
            for first in self._starts(last):
                if self._at_cut[first] > limit or self._at_cut[last] > limit:
                    continue
                if best[first][0] + float(once[last] - once[first]) >= reached[0]:
                    continue
                found = self._cheapest(first, last, limit)
                if found is not None and best[first][0] + found[0] < reached[0]:
                    reached = best[first][0] + found[0], found[1]
            best.append(reached)
        if best[-1][0] == float("inf"):
            return None
        return self._trace([group for _, group in best])

    def measure(self, group: Group) -> tuple[int, int]:
        """(Most live bytes, cost of the calls) of one group."""
        if group not in self._measured:
            events = schedule_group(self._net, self._makers, group)
            cost = sum(self._net.nodes[event.node].call_cost for event in events)
            self._measured[group] = max(live_in_group(self._net, group, events)), cost
        return self._measured[group]

    def _starts(self, last: int) -> Iterator[int]:
        return iter(range(last - 1, max(last - 1 - _MAX_NODES, -1), -1))

    def _cheapest(self, first: int, last: int, limit: int) -> tuple[int, Group] | None:
        """The cheapest group [first, last) within the limit: more rows in a call cost less."""
        most = max(node.rows for node in self._net.nodes[first:last])
        if last == first + 1:
            group = Group(first, last, most)
            if self.measure(group)[0] <= limit:
                return self.measure(group)[1], group
        found = None
        for rows in _ROWS:
            group = Group(first, last, rows)
            if (rows >= most and rows > 1) or self.measure(group)[0] > limit:
                break
            cost = self.measure(group)[1]
            if found is None or cost < found[0]:
                found = cost, group
        return found

    def _trace(self, reached: Sequence[Group | None]) -> Partition:
        groups: list[Group] = []
        cut = len(reached) - 1
        while (group := reached[cut]) is not None:
            groups.append(group)
            cut = group.first
        return self._join(groups[::-1])

    def _join(self, groups: Sequence[Group]) -> Partition:
        measured = [self.measure(group) for group in groups]
        live = max([self._at_cut[0], self._at_cut[-1], *(live for live, _ in measured)])
        return Partition(tuple(groups), live, self._work + sum(cost for _, cost in measured))


def live_in_group(net: Net, group: Group, events: Sequence[Event]) -> list[int]:
    """Bytes live at each call of a group: rows, scratch, and whole tensors for others."""
    count = len(events)
    inside = net.nodes[group.first : group.last]
    read = {r.store for node in inside for r in node.reads}
    base = 0
    births: dict[int, NDArray[np.int64]] = {}
    deaths: dict[int, NDArray[np.int64]] = {}
    for store in net.stores.values():
        if store.birth >= group.last or store.death < group.first:
            continue
        if store.birth < group.first and (store.death >= group.last or store.tensor not in read):
            base += store.size
            continue
        births[store.tensor] = np.zeros(store.height, np.int64)
        deaths[store.tensor] = np.full(store.height, -1, np.int64)
    change = np.zeros(count + 1, np.int64)
    for moment, event in enumerate(events):
        node = net.nodes[event.node]
        for r in node.reads:
            if r.store in deaths:
                begin, end = r.rows(event.first, event.last)
                deaths[r.store][begin:end] = moment
        first, last = (event.first, event.last)
        if node.accumulates:
            first, last = (0, 1) if event.last == node.rows else (0, 0)
        for made in node.makes:
            births[made][first:last] = moment
            deaths[made][first:last] = moment
        if node.scratch and not node.accumulates:
            change[moment] += node.scratch
            change[moment + 1] -= node.scratch
    for number in range(group.first, group.last):
        node = net.nodes[number]
        if node.accumulates:
            moments = [m for m, event in enumerate(events) if event.node == number]
            change[moments[0]] += node.scratch
            change[moments[-1] + 1] -= node.scratch
    for tensor, birth in births.items():
        store, death = net.stores[tensor], deaths[tensor]
        if store.birth < group.first:
            birth = birth[death >= 0]
            death = death[death >= 0]
        if store.death >= group.last:
            death = np.full(len(birth), count - 1)
        np.add.at(change, birth, store.step)
        np.add.at(change, death + 1, -store.step)
    return [int(live) for live in np.cumsum(change[:count]) + base]
