"""From when to when each tensor and each scratch is needed.

Time is counted in moments: at moment 0 the host writes the inputs, moment i + 1 is step i, and at
the last moment the host reads the outputs. All lives are half-open: [birth, death).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.alias import find_owners
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.plan import Step

ALIGNMENT = 4  # of every place; the kernels read and write words


@dataclass(frozen=True)
class Item:
    """A block of bytes that is needed for some time.

    Args:
        tensor: Id of the tensor that owns the block; None for scratch.
        op: Position in Graph.ops of the op whose scratch it is; None for tensors.
        birth: First moment at which it is needed.
        death: Moment behind the last one.
        size: Bytes, a multiple of ALIGNMENT.
    """

    tensor: int | None
    op: int | None
    birth: int
    death: int
    size: int


def find_items(
    graph: Graph, steps: Sequence[Step], kernels: Mapping[int, Kernel]
) -> tuple[Item, ...]:
    """Every block that has to lie somewhere, with its life.

    A tensor lives from the first step that makes a row of it (an input: from moment 0) to the last
    step that reads it (an output: to the end). Tensors that share a place are one item, named by
    their owner. What nobody reads lives for the one moment in which it is made.
    """
    owners = find_owners(graph)
    end = len(steps) + 2
    births = dict.fromkeys(graph.inputs, 0)
    deaths = dict.fromkeys(graph.inputs, 1)
    scratch: dict[int, Item] = {}
    for moment, step in enumerate(steps, start=1):
        op = graph.ops[step.op]
        for tensor in op.outputs:
            births.setdefault(tensor, moment)
        for tensor in (*op.inputs, *op.outputs):
            deaths[owners[tensor]] = moment + 1
        if size := kernels[step.op].scratch_bytes:
            birth = scratch[step.op].birth if step.op in scratch else moment
            scratch[step.op] = Item(None, step.op, birth, moment + 1, round_up(size))
    deaths |= {owners[tensor]: end for tensor in graph.outputs}
    tensors = (
        Item(tensor, None, births[tensor], deaths[tensor], round_up(graph.tensors[tensor].size))
        for tensor in dict.fromkeys(owners.values())
    )
    return (*tensors, *scratch.values())


def live_bytes(items: Sequence[Item], moments: int) -> list[int]:
    """Bytes that are live at each moment of [0, moments)."""
    change = [0] * (moments + 1)
    for item in items:
        change[item.birth] += item.size
        change[item.death] -= item.size
    live, total = [], 0
    for delta in change[:moments]:
        total += delta
        live.append(total)
    return live


def round_up(size: int) -> int:
    """The next multiple of ALIGNMENT."""
    return -(-size // ALIGNMENT) * ALIGNMENT
