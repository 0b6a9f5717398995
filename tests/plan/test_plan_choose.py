"""Which schedules are proposed, what calls they make, and which kernels they choose from."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from plan_graphs import Window, fake_variants, graphs, make_graph

from tests.builders import conv_model
from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.choose import propose_partitions, rate
from tinydeploy.plan.chunks import list_chunks
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.kernel_choice.conv_2d import FORMS, GemmKernel, group_of, size_scratch
from tinydeploy.plan.lifetimes import find_blocks
from tinydeploy.plan.net import make_net
from tinydeploy.plan.partition import Partitioner
from tinydeploy.plan.schedule import Group, find_makers, schedule_group

BOARD = load_board("stm32h743")
ROOM = 1 << 30


def tower(height: int, windows: int) -> Graph:
    """Windows of 3 rows, one behind the other."""
    ops = [Window(i, (i,), (i + 1,), 3, 1, 1) for i in range(windows)]
    return make_graph([(1, height, 5, 8)] * (windows + 1), ops, [0], [windows])


def test_calls_go_in_step() -> None:
    """Each node makes an odd number of rows at most twice: first and last."""
    net = make_net(graph := tower(25, 4), fake_variants(graph))
    events = schedule_group(net, find_makers(net), Group(0, 4, 4))
    calls = {n: [e.last - e.first for e in events if e.node == n] for n in range(4)}
    assert calls[3] == [4, 4, 4, 4, 4, 4, 1]
    assert calls[2] == [1, 4, 4, 4, 4, 4, 4]
    assert calls[1] == [2, 4, 4, 4, 4, 4, 3]
    assert calls[0] == [3, 4, 4, 4, 4, 4, 2]


@pytest.mark.parametrize(("optimize", "most"), [("speed", 1.02), ("balanced", 1.16), ("ram", 1.45)])
def test_proposals_keep_within_their_cost(optimize: Optimize, most: float) -> None:
    partitioner = Partitioner(make_net(graph := tower(40, 6), fake_variants(graph)))
    whole = partitioner.layer_by_layer()
    found = propose_partitions(partitioner, optimize, ROOM, 6)
    assert found
    assert all(partition.cost <= most * whole.cost for partition in found)
    rates = [rate(p.live, p.cost, whole, optimize) for p in found]
    assert rates == sorted(rates)


def test_less_ram_is_taken_before_less_time() -> None:
    partitioner = Partitioner(make_net(graph := tower(40, 6), fake_variants(graph)))
    order: tuple[Optimize, ...] = ("ram", "balanced", "speed")
    best = [propose_partitions(partitioner, optimize, ROOM, 6)[0] for optimize in order]
    for less, more in itertools.pairwise(best):
        assert less.live <= more.live
        assert less.cost >= more.cost


def test_every_form_comes_in_every_size() -> None:
    graph = fuse_graph(read_graph(conv_model((8, 8, 4), 8), "net"))
    op = next(op for op in graph.ops if isinstance(op, Conv2D))
    kernels = [k for k in list_chunks(op, graph, BOARD, "balanced") if isinstance(k, GemmKernel)]
    assert {kernel.form for kernel in kernels} == set(FORMS)
    for kernel in kernels:
        assert kernel.pixels % group_of(kernel.form) == 0
        sizes = op, graph, kernel.form, kernel.finish, kernel.pixels
        assert kernel.scratch_bytes == size_scratch(*sizes)


@settings(max_examples=50, deadline=None)
@given(graph=graphs(max_ops=8))
def test_joined_rows_have_the_bytes_and_lives_that_they_have_alone(graph: Graph) -> None:
    net = make_net(graph, fake_variants(graph))
    partition = Partitioner(net).layer_by_layer()
    events = [
        event
        for node in range(len(net.nodes))
        for event in schedule_group(net, find_makers(net), Group(node, node + 1, 2))
    ]

    def rows(*, joined: bool) -> list[tuple[int, int, int, int]]:
        blocks = find_blocks(net, partition.kernels, events, joined=joined)
        return sorted(
            (place.store, place.row, piece.birth, piece.death)
            for block in blocks
            for place in block.places
            for piece in block.pieces
            if piece.offset <= place.offset < piece.offset + piece.size
        )

    assert rows(joined=True) == rows(joined=False)
