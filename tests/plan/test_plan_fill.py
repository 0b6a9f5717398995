"""Layers take the room that packed rows leave, and no more."""

from __future__ import annotations

import pytest

from tests.builders import ModelBuilder
from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.fill import exchange_kernels, fill_holes
from tinydeploy.plan.net import Net, make_net, round_up
from tinydeploy.plan.partition import Partition, Partitioner
from tinydeploy.plan.place import place_partition
from tinydeploy.plan.places import Placed
from tinydeploy.plan.variants import list_variants


def blocks_net() -> Graph:
    b = ModelBuilder(3)
    x = b.input((24, 24, 8))
    for channels in (16, 24, 32):
        x = b.conv(b.depthwise(x), channels, (1, 1))
    return fuse_graph(read_graph(b.finish([b.conv(x, 8, (3, 3))]), "net"))


@pytest.fixture(scope="module")
def net() -> Net:
    graph = blocks_net()
    return make_net(graph, list_variants(graph, load_board("stm32h743"), "ram"), "arena")


def tight(net: Net) -> Partition:
    """Groups of the least live bytes, kernels of the least scratch."""
    partitioner = Partitioner(net)
    partition = partitioner.least_cost(partitioner.least_live())
    assert partition is not None
    return partitioner.trim_scratch(partition, float("inf"))


def rows_of(placed: Placed) -> list[tuple[int, int, int]]:
    return sorted(
        (place.store, place.row, start + place.offset)
        for block, start in zip(placed.blocks, placed.packing.places, strict=True)
        for place in block.places
    )


def test_least_scratch_of_all(net: Net) -> None:
    partition = tight(net)
    for node, kernel in zip(net.nodes, partition.kernels, strict=True):
        assert kernel.scratch_bytes == min(v.kernel.scratch_bytes for v in node.variants)
    assert partition.live == Partitioner(net).least_live()


def test_trimming_keeps_to_its_cost(net: Net) -> None:
    partitioner = Partitioner(net)
    whole = partitioner.layer_by_layer()
    some = partitioner.trim_scratch(whole, 1.1 * whole.cost)
    assert whole.cost < some.cost <= 1.1 * whole.cost
    for new, old in zip(some.kernels, whole.kernels, strict=True):
        assert new.scratch_bytes <= old.scratch_bytes


def test_faster_in_the_same_bytes(net: Net) -> None:
    placed = place_partition(net, tight(net))
    filled = fill_holes(net, placed)
    assert filled.packing.size == placed.packing.size
    assert rows_of(filled) == rows_of(placed)
    assert filled.partition.cost < placed.partition.cost
    pieces = [
        (start + piece.offset, start + piece.offset + piece.size, piece.birth, piece.death)
        for block, start in zip(filled.blocks, filled.packing.places, strict=True)
        for piece in block.pieces
    ]
    assert max(end for _, end, _, _ in pieces) <= filled.packing.size
    for number, (begin, end, birth, death) in enumerate(pieces):
        for other_begin, other_end, other_birth, other_death in pieces[:number]:
            if birth < other_death and other_birth < death:
                assert end <= other_begin or other_end <= begin


def test_an_arena_ends_with_its_last_byte(net: Net) -> None:
    """Kernels of less scratch leave bytes behind the rows, which no plan keeps."""
    partitioner = Partitioner(net)
    wide = place_partition(net, partitioner.layer_by_layer())
    small = partitioner.trim_scratch(wide.partition, float("inf"))
    placed = exchange_kernels(net, wide, small)
    ends = (
        start + block.size
        for block, start in zip(placed.blocks, placed.packing.places, strict=True)
    )
    assert round_up(max(ends)) == placed.packing.size < wide.packing.size
    assert rows_of(placed) == rows_of(wide)
