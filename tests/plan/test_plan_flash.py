"""Weights lie with the code as far as there is room; what never fits is refused at once."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from model_builder import ModelBuilder

from tinydeploy.board import Board, Memory, load_board
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.flash import place_weights

H743 = load_board("stm32h743")


def board_with(flash: int, *others: int) -> Board:
    """A board with so much flash, and memories w0, w1 ... for weights."""
    memories = [replace(H743.code_memory, size=flash), *H743.memories[1:]]
    for number, size in enumerate(others):
        address = 0x9000_0000 + 0x100_0000 * number
        memories.append(Memory(f"w{number}", address, size, "r", ("weights",), (), None))
    return replace(H743, memories=tuple(memories))


def net(width: int = 64) -> Graph:
    """A stem, a depthwise and a wide pointwise layer, and 10 classes."""
    b = ModelBuilder(0)
    x = b.conv(b.input((16, 16, 3)), width, (3, 3), stride=(2, 2))
    x = b.depthwise(x, 1, (3, 3))
    x = b.conv(x, 4 * width, (1, 1))
    return fuse_graph(read_graph(b.finish([b.fully_connected(b.mean(x), 10)]), "net"))


def weight_bytes(width: int) -> int:
    stem, wide = 27 * width + 4 * width, 4 * width * width + 16 * width
    return stem + 13 * width + wide + 40 * width + 40


def test_enough_flash_takes_all() -> None:
    assert place_weights(net(), H743) == {}
    assert place_weights(net(), board_with(1 << 20, 1 << 20)) == {}


def test_the_weights_used_least_go_elsewhere() -> None:
    """Fully-connected weights are used once, others at every pixel."""
    graph = net()
    last = len(graph.ops) - 1
    reserve = 48 * 1024 + 16 * (64 + 64 + 256 + 10)
    room = weight_bytes(64) - 100
    assert place_weights(graph, board_with(reserve + room, 1 << 16)) == {last: "w0"}
    assert set(place_weights(graph, board_with(reserve, 1 << 16))) == {0, 1, 2, last}


def test_memories_are_filled_in_their_order() -> None:
    places = place_weights(net(), board_with(48 * 1024, 4096, 1 << 16))
    assert set(places.values()) == {"w0", "w1"}
    assert places[2] == "w1"  # 17 KB


def test_weights_that_never_fit_are_refused() -> None:
    graph = net(256)
    with pytest.raises(BudgetError) as caught:
        place_weights(graph, board_with(128 * 1024))
    needed = weight_bytes(256)
    assert (
        f"need {needed} bytes of flash and flash of NUCLEO-H743ZI2 has 131072:"
        f" {needed - 131072} bytes are missing" in caught.value.message
    )
    assert "The largest: layer 2 (CONV_2D) 266240, layer" in caught.value.message
    found = re.search(r"with ([0-9.]+) times the channels would fit", caught.value.hint)
    assert found
    narrower = net(int(256 * float(found[1])))
    place_weights(narrower, board_with(128 * 1024))
    assert caught.value.exit_code == 3


def test_external_flash_counts() -> None:
    assert place_weights(net(256), board_with(128 * 1024, 1 << 20))
    with pytest.raises(BudgetError, match="flash and w0 of NUCLEO-H743ZI2 have 196608"):
        place_weights(net(256), board_with(128 * 1024, 1 << 16))


def test_what_the_user_allows_counts() -> None:
    needed = weight_bytes(64)
    place_weights(net(), H743, needed)
    with pytest.raises(BudgetError, match=f"they may have {needed - 1}: 1 bytes are missing"):
        place_weights(net(), H743, needed - 1)


def test_no_width_is_promised_where_none_fits() -> None:
    with pytest.raises(BudgetError) as caught:
        place_weights(net(256), board_with(8 * 1024))
    assert "times the channels" not in caught.value.hint
