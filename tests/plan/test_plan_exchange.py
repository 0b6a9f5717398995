"""Kernels of fewer cycles in the scratch that a schedule has."""

from __future__ import annotations

import pytest

from tests.builders import ModelBuilder
from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.cost import call_instructions
from tinydeploy.plan.exchange import prefer_cycles
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.net import Net, make_net
from tinydeploy.plan.partition import Partition, Partitioner
from tinydeploy.plan.variants import list_variants

CPUS = {"stm32h743": "cortex-m7", "stm32l4r9": "cortex-m4"}


def pointwise_layers() -> Graph:
    b = ModelBuilder(3)
    x = b.input((16, 16, 32))
    for channels in (64, 64, 32):
        x = b.conv(x, channels, (1, 1))
    return fuse_graph(read_graph(b.finish([x]), "net"))


def plan_whole(graph: Graph, name: str) -> tuple[Net, Partition]:
    board = load_board(name)
    net = make_net(graph, list_variants(graph, board, "speed"), "arena")
    return net, Partitioner(net).layer_by_layer()


def total(graph: Graph, kernels: tuple[Kernel, ...], cpu: str = "") -> int:
    """Of whole layers."""
    heights = [graph.tensors[op.outputs[0]].rows[0] for op in graph.ops]
    return sum(
        call_instructions(graph, op, kernel, height, cpu)
        for op, kernel, height in zip(graph.ops, kernels, heights, strict=True)
    )


@pytest.mark.parametrize("name", CPUS)
def test_fewer_cycles_for_a_bounded_number_of_instructions(name: str) -> None:
    graph = pointwise_layers()
    net, whole = plan_whole(graph, name)
    found = prefer_cycles(graph, net, whole, whole, CPUS[name], "speed")
    assert found.groups == whole.groups
    assert total(graph, found.kernels, CPUS[name]) < total(graph, whole.kernels, CPUS[name])
    assert found.cost == total(graph, found.kernels) <= 1.2 * whole.cost
    for new, old in zip(found.kernels, whole.kernels, strict=True):
        assert new.scratch_bytes <= old.scratch_bytes


@pytest.mark.parametrize("optimize", ["ram", "flash"])
def test_goals_that_are_not_speed_keep_their_kernels(optimize: Optimize) -> None:
    graph = pointwise_layers()
    net, whole = plan_whole(graph, "stm32h743")
    assert prefer_cycles(graph, net, whole, whole, "cortex-m7", optimize) is whole


def test_no_room_for_more_instructions_changes_nothing() -> None:
    graph = pointwise_layers()
    net, whole = plan_whole(graph, "stm32h743")
    slow = Partition(whole.groups, whole.kernels, whole.overlaid, whole.live, 2 * whole.cost)
    assert prefer_cycles(graph, net, slow, whole, "cortex-m7", "balanced") is slow
