"""The order of calls inside a group: rows are made when they are asked for, from the last op up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.plan.net import Net


@dataclass(frozen=True)
class Group:
    """Consecutive nodes whose calls take turns; before and behind it tensors are whole.

    Args:
        first: First node.
        last: Node behind the last.
        rows: Most rows that a call makes.
    """

    first: int
    last: int
    rows: int


@dataclass(frozen=True)
class Event:
    """One call of a node, for rows [first, last)."""

    node: int
    first: int
    last: int


def schedule_groups(net: Net, groups: Sequence[Group]) -> tuple[Event, ...]:
    """The calls of all groups, one group after the other."""
    makers = find_makers(net)
    return tuple(event for group in groups for event in schedule_group(net, makers, group))


def find_makers(net: Net) -> Mapping[int, int]:
    """The node that makes each store; inputs of the model have none."""
    return {store: number for number, node in enumerate(net.nodes) for store in node.makes}


def schedule_group(net: Net, makers: Mapping[int, int], group: Group) -> list[Event]:
    """The calls of one group.

    The last node makes its rows, at most `group.rows` in a call; before each call every store that
    it reads is asked for the rows that it needs, and so on upwards. A store's missing rows are made
    in as few calls as the limit allows, the odd one first: from then on all nodes go in step. Nodes
    that no other node of the group reads make the rest of their rows in the end.
    """
    done = dict.fromkeys(range(group.first, group.last), 0)
    events: list[Event] = []

    def make(number: int, until: int) -> None:
        """Makes rows of a node until it has as many as asked for."""
        node = net.nodes[number]
        while (first := done[number]) < until:
            missing = until - first
            last = first + (missing % group.rows or group.rows)
            for read in node.reads:
                maker = makers.get(read.store, -1)
                if maker >= group.first and (needed := read.rows(first, last)[1]):
                    make(maker, net.nodes[maker].rows if net.nodes[maker].accumulates else needed)
            events.append(Event(number, first, last))
            done[number] = last

    for number in reversed(range(group.first, group.last)):
        rows = net.nodes[number].rows
        while done[number] < rows:
            make(number, min(done[number] + group.rows, rows))
    return events
