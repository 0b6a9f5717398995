"""Forms of core loops that take fewer cycles, for some more instructions, in the same scratch.

Schedules are compared by instructions, which are counted exactly. But of the loops that multiply,
the one of fewest instructions is not the fastest on every core (conv_2d_cost.py). So kernels of a
schedule are exchanged for others that need no more scratch, the one that saves most cycles for an
instruction first, as far as the goal allows more instructions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.cost import call_instructions
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernel_choice.conv_2d import GemmKernel
from tinydeploy.plan.net import Net
from tinydeploy.plan.partition import Partition
from tinydeploy.plan.schedule import schedule_groups

# How many times the instructions of layer by layer a schedule may have afterwards, by estimate;
# picked on the models of docs/performance.md.
_MOST_COST: Mapping[Optimize, float] = {"speed": 1.2, "balanced": 1.13}


def prefer_cycles(
    graph: Graph, net: Net, partition: Partition, whole: Partition, cpu: str, optimize: Optimize
) -> Partition:
    """The schedule with kernels of fewer estimated cycles.

    Args:
        graph: The graph.
        net: Its net.
        partition: The schedule.
        whole: Layer by layer.
        cpu: The core, e.g. "cortex-m7".
        optimize: What to prefer; small RAM or flash leave the kernels as they are.
    """
    left = int(_MOST_COST.get(optimize, 0) * whole.cost) - partition.cost
    if left <= 0:
        return partition
    calls: dict[int, Counter[int]] = {}
    for event in schedule_groups(net, partition.groups):
        calls.setdefault(event.node, Counter())[event.last - event.first] += 1
    kernels = list(partition.kernels)
    cost = partition.cost
    exchanges = [
        exchange
        for number, sizes in calls.items()
        if (exchange := _best_exchange(graph, net, number, kernels[number], sizes, cpu))
    ]
    for _, more, number, kernel in sorted(exchanges, key=lambda exchange: exchange[:3]):
        if more <= left:
            kernels[number], left, cost = kernel, left - more, cost + more
    return replace(partition, kernels=tuple(kernels), cost=cost)


def _best_exchange(
    graph: Graph, net: Net, number: int, kernel: Kernel, sizes: Counter[int], cpu: str
) -> tuple[float, int, int, Kernel] | None:
    """(cycles per instruction more, the more negative the better; instructions more; node; kernel).

    Of the variants that fit, the one that saves most cycles; None where none saves any.
    """
    op = graph.ops[net.nodes[number].op] if number < len(net.nodes) else None
    if not isinstance(op, Conv2D) or not isinstance(kernel, GemmKernel):
        return None

    def total(kernel: Kernel, cpu: str = "") -> int:
        return sum(
            count * call_instructions(graph, op, kernel, rows, cpu) for rows, count in sizes.items()
        )

    instructions, cycles = total(kernel), total(kernel, cpu)
    best: tuple[float, int, int, Kernel] | None = None
    saved = 0
    for variant in net.nodes[number].variants:
        other = variant.kernel
        if other.scratch_bytes > kernel.scratch_bytes:
            continue
        fewer, more = cycles - total(other, cpu), total(other) - instructions
        if fewer > saved:
            best, saved = (-fewer / max(more, 1), more, number, other), fewer
    return best
