"""What would fit is named, and does fit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from plan_graphs import Rename, Whole, Window, chain, make_graph

from tinydeploy.board import load_board
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.smaller import scale_graph

BOARD = load_board("stm32h743")
SIZE = re.compile(r"inputs of (\d+)x(\d+) would fit \(about ([\d,]+) bytes\)")


def halving_net(height: int, width: int) -> Graph:
    """Windows of stride 2, then all that is left in one op."""
    shapes = [(1, -(-height // 2**k), -(-width // 2**k), 8) for k in range(3)]
    ops = [Window(k, (k,), (k + 1,), 3, 2, 1) for k in range(2)]
    return make_graph([*shapes, (1, 10)], [*ops, Whole(2, (2,), (3,))], [0], [3])


def hint(graph: Graph, max_ram: int) -> str:
    with pytest.raises(BudgetError) as caught:
        plan_memory(graph, BOARD, max_ram=max_ram)
    return caught.value.hint


@pytest.mark.parametrize(("height", "width"), [(64, 48), (33, 33), (7, 21)])
def test_scaling_gives_the_net_of_that_size(height: int, width: int) -> None:
    scaled = scale_graph(halving_net(128, 128 * width // height), height)
    assert scaled is not None
    net = halving_net(*scaled.tensors[0].shape[1:3])
    assert scaled.tensors[0].shape[1] == height
    assert [t.shape for t in scaled.tensors] == [t.shape for t in net.tensors]


def test_flattened_tensors_follow() -> None:
    ops = [Rename(0, (0,), (1,)), Whole(1, (1,), (2,))]
    graph = make_graph([(1, 16, 8, 2), (1, 256), (1, 10)], ops, [0], [2])
    scaled = scale_graph(graph, 8)
    assert scaled is not None
    assert [t.shape for t in scaled.tensors] == [(1, 8, 4, 2), (1, 64), (1, 10)]


def test_other_reshapes_are_not_understood() -> None:
    graph = make_graph([(1, 16, 8, 2), (1, 8, 4, 8)], [Rename(0, (0,), (1,))], [0], [1])
    assert scale_graph(graph, 15) is None


@pytest.mark.parametrize("share", [0.15, 0.4, 0.6, 0.9])
def test_the_largest_input_that_fits_is_named(share: float) -> None:
    """It does, and the next one does not."""
    net = halving_net(128, 128)
    room = int(plan_memory(net, BOARD).lower_bound_bytes * share)
    text = hint(net, room)
    found = SIZE.search(text)
    assert found, text
    height, size = int(found[1]), int(found[3].replace(",", ""))
    assert found[1] == found[2]
    assert plan_memory(halving_net(height, height), BOARD, max_ram=room).arena_bytes <= room
    assert size <= room
    assert height % 32 == 0
    if height + 32 < 128:
        with pytest.raises(BudgetError):
            plan_memory(halving_net(height + 32, height + 32), BOARD, max_ram=room)


def test_rows_are_proposed_where_they_help() -> None:
    net = halving_net(128, 128)
    room = plan_memory(net, BOARD, input_form="rows").arena_bytes + 8
    assert "With --input rows its arena of" in hint(net, room)
    assert "--input" not in hint(net, 100)


def test_without_rows_there_is_general_advice() -> None:
    assert hint(chain((1, 1000), (1, 1000)), 1000).startswith("Try a smaller input resolution")


def test_a_real_net(shared_data: Path) -> None:
    name = "mlperf_tiny_vww_int8"
    graph = fuse_graph(read_graph((shared_data / "models" / f"{name}.tflite").read_bytes(), name))
    assert SIZE.search(hint(graph, 20_000))
