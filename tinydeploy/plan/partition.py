"""Cuts the ops into groups: the least cost within a limit of live bytes, by dynamic programming.

A row lives from the call that makes it to the last call that reads it. This one rule covers line
buffers, skip connections, several inputs and outputs. What a group needs does not depend on how the
rest is cut, because tensors are whole between groups; so the best way to reach a cut is the best
way to reach an earlier one, and one group more. What a limit leaves free goes to scratch: each op
runs with the fastest kernel that fits beside what is live at its calls.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.lifetimes import best_overlay
from tinydeploy.plan.net import Net, Node, round_up
from tinydeploy.plan.schedule import Event, Group, find_makers, schedule_group
from tinydeploy.plan.variants import Variant

# Larger groups are not tried: their line buffers cost more than the tensor at a cut between them.
_MAX_NODES = 26
_ROWS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64)
# A group that cannot gain more than this share of all instructions is not looked at.
_SIZES = 5  # rows in a call, largest first, that are tried of those that fit
_GAIN = 0.003


@dataclass(frozen=True)
class Load:
    """What a group asks of one of its nodes.

    Args:
        node: Number of the node.
        live: Most bytes live at any of its calls, without its scratch; output rows take the place
            of input rows where they may.
        plain: The same if they never do.
        calls: (rows, how many calls of so many).
    """

    node: int
    live: int
    plain: int
    calls: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Partition:
    """A way to run a net.

    Args:
        groups: The groups, in order.
        kernels: Of each node.
        overlaid: Nodes whose output rows take the place of input rows.
        live: Most bytes live at any moment.
        cost: Estimated instructions of all calls.
    """

    groups: tuple[Group, ...]
    kernels: tuple[Kernel, ...]
    overlaid: frozenset[int]
    live: int
    cost: int


Loads = dict[tuple[object, ...], tuple[Load, ...]]
"""What groups ask of their nodes, by all that it depends on."""


class Partitioner:
    """Finds partitions of one net under several limits; what it measures it keeps.

    Args:
        net: The net.
        loads: What was measured in other nets of the same tensors, and is added to.
    """

    def __init__(self, net: Net, loads: Loads | None = None) -> None:
        self._net = net
        self._makers = find_makers(net)
        self._loads: dict[Group, tuple[Load, ...]] = {}
        self._shared = {} if loads is None else loads
        self._choices: dict[tuple[int, int, tuple[tuple[int, int], ...]], tuple[int, int]] = {}
        stores = net.stores.values()
        count = len(net.nodes)
        # Bytes at each cut, where every tensor that is needed on is whole.
        self._at_cut = [
            sum(s.size for s in stores if s.birth < cut <= s.death) for cut in range(count + 1)
        ]
        self._at_cut[0] = sum(s.size for s in stores if s.birth < 0)
        # Scratch of each node's variants, ascending, beside what `Load.live` has already.
        self._scratch = [
            [scratch_beside(node, number) for number in range(len(node.variants))]
            for node in net.nodes
        ]
        # What nodes cost at least, summed up to each cut.
        floors = [min(v.cost(node.rows) for v in node.variants) for node in net.nodes]
        self._floor = [0, *np.cumsum(floors, dtype=np.int64).tolist()]

    def layer_by_layer(self) -> Partition:
        """Every op makes all its rows in one call, with its fastest kernel."""
        nodes = enumerate(self._net.nodes)
        return self._join([Group(n, n + 1, node.rows) for n, node in nodes], 1 << 62)

    def trim_scratch(self, partition: Partition, most_cost: float) -> Partition:
        """The same groups with less scratch, where it costs least for a byte.

        Args:
            partition: Of this net.
            most_cost: Instructions that all calls may have.
        """
        loads = [load for group in partition.groups for load in self._load(group)]
        variants = [node.variants for node in self._net.nodes]
        costs = [
            [sum(variant_cost(variant, load)) for variant in variants[load.node]] for load in loads
        ]
        chosen = [
            next(n for n, variant in enumerate(variants[load.node]) if variant.kernel is kernel)
            for load, kernel in zip(loads, partition.kernels, strict=True)
        ]
        trims = sorted(
            (max(of_node[n] - of_node[now], 0) / max(scratch[now] - scratch[n], 1), node, n)
            for node, (now, of_node, scratch) in enumerate(
                zip(chosen, costs, self._scratch, strict=True)
            )
            for n in range(now)
        )
        cost = partition.cost
        for _, node, number in trims:
            more = costs[node][number] - costs[node][chosen[node]]
            if number < chosen[node] and cost + more <= most_cost:
                chosen[node], cost = number, cost + more
        trimmed = self._with_variants(partition.groups, loads, chosen, cost)
        return replace(trimmed, overlaid=trimmed.overlaid | partition.overlaid)

    def _with_variants(
        self, groups: Sequence[Group], loads: Sequence[Load], chosen: Sequence[int], cost: int
    ) -> Partition:
        live = max(self._at_cut[0], self._at_cut[-1])
        kernels, plain = [], []
        for load, number in zip(loads, chosen, strict=True):
            kernels.append(self._net.nodes[load.node].variants[number].kernel)
            scratch = self._scratch[load.node][number]
            live = max(live, load.live + scratch)
            plain.append(load.plain + scratch)
        overlaid = frozenset(node for node, needed in enumerate(plain) if needed > live)
        return Partition(tuple(groups), tuple(kernels), overlaid, live, cost)

    def least_live(self) -> int:
        """The least live bytes that one-row calls and kernels of the least scratch reach."""
        best = [self._at_cut[0]]
        for last in range(1, len(self._net.nodes) + 1):
            reached = 1 << 62
            for first in self._starts(last):
                floor = max(best[first], self._at_cut[last])
                if floor < reached:
                    reached = min(reached, max(floor, self._least(Group(first, last, 1))))
            best.append(reached)
        return best[-1]

    def least_cost(self, limit: int) -> Partition | None:
        """The partition of the least cost that keeps within `limit` live bytes, if there is one."""
        if max(self._at_cut[0], self._at_cut[-1]) > limit:
            return None
        slack = _GAIN * self._floor[-1]
        best: list[tuple[float, Group | None]] = [(0.0, None)]
        for last in range(1, len(self._net.nodes) + 1):
            reached: tuple[float, Group | None] = (float("inf"), None)
            for first in self._starts(last):
                if self._at_cut[first] > limit or self._at_cut[last] > limit:
                    continue
                floor = best[first][0] + self._floor[last] - self._floor[first]
                if floor >= reached[0] - slack:
                    continue
                found = self._cheapest(first, last, limit)
                if found is not None and best[first][0] + found[0] < reached[0]:
                    reached = best[first][0] + found[0], found[1]
            best.append(reached)
        if best[-1][0] == float("inf"):
            return None
        groups: list[Group] = []
        group = best[-1][1]
        while group is not None:
            groups.append(group)
            group = best[group.first][1]
        return self._join(groups[::-1], limit)

    def _starts(self, last: int) -> Iterator[int]:
        return iter(range(last - 1, max(last - 1 - _MAX_NODES, -1), -1))

    def _least(self, group: Group) -> int:
        """Live bytes of a group with kernels of the least scratch."""
        nodes = self._net.nodes
        return max(load.live + scratch_beside(nodes[load.node], 0) for load in self._load(group))

    def _load(self, group: Group) -> tuple[Load, ...]:
        if group not in self._loads:
            key = self._describe(group)
            if key not in self._shared:
                events = schedule_group(self._net, self._makers, group)
                self._shared[key] = measure_group(self._net, group, events)
            loads = self._shared[key]
            shift = group.first - loads[0].node
            self._loads[group] = tuple(replace(load, node=load.node + shift) for load in loads)
        return self._loads[group]

    def _describe(self, group: Group) -> tuple[object, ...]:
        """What a group's loads depend on: its nodes, and what is whole before and behind it."""
        nodes = self._net.nodes[group.first : group.last]
        names = ((node.makes, tuple(read.store for read in node.reads)) for node in nodes)
        lives = (
            (store.tensor, store.birth < group.first, store.death >= group.last)
            for store in self._net.stores.values()
            if store.birth < group.last and store.death >= group.first
        )
        return group.rows, *names, *lives

    def _cheapest(self, first: int, last: int, limit: int) -> tuple[int, Group] | None:
        """The cheapest of the groups of the nodes [first, last) that keep within the limit."""
        most = max(node.rows for node in self._net.nodes[first:last])
        if last == first + 1:
            group = Group(first, last, most)
            cost = self._cost(group, limit)
            if cost is not None and cost <= self._floor[last] - self._floor[first]:
                return cost, group
        sizes = [rows for rows in _ROWS if rows == 1 or rows < most]
        if last == first + 1 and most > 1:
            sizes.append(most)
        fitting = bisect_left(
            sizes, True, key=lambda rows: not self._fits(first, last, rows, limit)
        )
        found = None
        for rows in reversed(sizes[max(0, fitting - _SIZES) : fitting]):
            group = Group(first, last, rows)
            cost = self._cost(group, limit)
            if cost is not None and (found is None or cost < found[0]):
                found = cost, group
        return found

    def _fits(self, first: int, last: int, rows: int, limit: int) -> bool:
        return self._least(Group(first, last, rows)) <= limit

    def _cost(self, group: Group, limit: int) -> int | None:
        """Instructions of a group's calls within a limit; None if it does not keep within it."""
        total = 0
        for load in self._load(group):
            choice = self._choose(load, limit)
            if choice is None:
                return None
            total += choice[0]
        return total

    def _choose(self, load: Load, limit: int) -> tuple[int, int] | None:
        """(Instructions, number) of the fastest variant whose scratch fits beside what is live."""
        room = limit - load.live
        fitting = bisect_right(self._scratch[load.node], room)
        if not fitting or room < 0:
            return None
        key = (load.node, fitting, load.calls)
        if key not in self._choices:
            variants = self._net.nodes[load.node].variants[:fitting]
            costs = (sum(variant_cost(variant, load)) for variant in variants)
            self._choices[key] = min((cost, number) for number, cost in enumerate(costs))
        return self._choices[key]

    def _join(self, groups: Sequence[Group], limit: int) -> Partition:
        loads = [load for group in groups for load in self._load(group)]
        cost, chosen = 0, []
        for load in loads:
            choice = self._choose(load, limit)
            assert choice is not None
            cost += choice[0]
            chosen.append(choice[1])
        return self._with_variants(groups, loads, chosen, cost)


def variant_cost(variant: Variant, load: Load) -> Iterator[int]:
    """Instructions of the calls of each size."""
    return (count * variant.cost(rows) for rows, count in load.calls)


def scratch_beside(node: Node, number: int) -> int:
    """Scratch of a variant that is not in `Load.live` already."""
    return 0 if node.accumulates else round_up(node.variants[number].kernel.scratch_bytes)


def measure_group(net: Net, group: Group, events: Sequence[Event]) -> tuple[Load, ...]:
    """What a group asks of each of its nodes, in their order."""
    live, saved = live_in_group(net, group, events)
    peaks = dict.fromkeys(range(group.first, group.last), 0)
    plain = dict(peaks)
    calls: dict[int, dict[int, int]] = {number: {} for number in peaks}
    for event, size, less in zip(events, live, saved, strict=True):
        peaks[event.node] = max(peaks[event.node], size - less)
        plain[event.node] = max(plain[event.node], size)
        rows = event.last - event.first
        calls[event.node][rows] = calls[event.node].get(rows, 0) + 1
    return tuple(
        Load(node, peak, plain[node], tuple(sorted(calls[node].items())))
        for node, peak in peaks.items()
    )


def live_in_group(net: Net, group: Group, events: Sequence[Event]) -> tuple[list[int], list[int]]:
    """Bytes live at each call of a group, and how many fewer if rows take the place of others.

    Scratch is left out; tensors that are whole because others need them are in.
    """
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
    kept: dict[int, list[int]] = {}
    for moment, event in enumerate(events):
        node = net.nodes[event.node]
        for r in node.reads:
            if r.store in deaths:
                begin, end = r.rows(event.first, event.last)
                deaths[r.store][begin:end] = moment
        first, last = event.first, event.last
        if node.accumulates:
            kept.setdefault(event.node, []).append(moment)
            first, last = (0, 1) if event.last == node.rows else (0, 0)
        for made in node.makes:
            births[made][first:last] = moment
            deaths[made][first:last] = moment
    for number, moments in kept.items():
        change[moments[0]] += net.nodes[number].least_scratch
        change[moments[-1] + 1] -= net.nodes[number].least_scratch
    saved = np.zeros(count, np.int64)
    for node in inside:
        overlaid = best_overlay(net, node, births, deaths)
        if overlaid is not None:
            np.add.at(saved, overlaid[1], net.stores[node.makes[0]].step)
    for tensor, birth in births.items():
        store, death = net.stores[tensor], deaths[tensor]
        if store.birth < group.first:
            birth, death = birth[death >= 0], death[death >= 0]
        if store.death >= group.last:
            death = np.full(len(birth), count - 1)
        np.add.at(change, birth, store.step)
        np.add.at(change, death + 1, -store.step)
    total = np.cumsum(change[:count]) + base
    return total.tolist(), saved.tolist()
