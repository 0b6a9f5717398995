"""Random valid graphs of all operators, as a strategy of hypothesis, which makes failures small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import layers_of_elements
import layers_of_moves
import layers_of_reals
import layers_of_state
import layers_of_truth
import layers_of_windows
from graph_maker import GraphMaker, Layer
from hypothesis import assume
from hypothesis import strategies as st
from layers_of_int16 import wide

ANY_RANK: tuple[Layer, ...] = (
    *layers_of_elements.ANY_RANK,
    *layers_of_moves.ANY_RANK,
    *layers_of_windows.ANY_RANK,
    *layers_of_reals.ANY_RANK,
    *layers_of_state.ANY_RANK,
    *layers_of_truth.ANY_RANK,
)


@st.composite
def graphs(draw: Callable[[st.SearchStrategy[Any]], Any], most_layers: int = 8) -> bytes:
    """A .tflite file: one to three inputs, some layers, one to three outputs."""
    maker = GraphMaker(draw)
    for _ in range(maker.pick((1, 1, 2, 3))):
        maker.input()
    inputs = len(maker.known)
    for _ in range(maker.number(1, most_layers)):
        maker.add_layer(ANY_RANK, layers_of_windows.IMAGES)
    assume(len(maker.known) > inputs)
    return maker.finish()


def all_graphs() -> st.SearchStrategy[bytes]:
    """Graphs of int8, and one in six of int16."""
    return st.sampled_from([graphs] * 5 + [wide_graphs]).flatmap(lambda kind: kind())


@st.composite
def wide_graphs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """A .tflite file whose layers are mostly of int16."""
    maker = GraphMaker(draw)
    maker.input()
    maker.known.append(wide(maker, maker.known[-1]))
    for _ in range(maker.number(1, 3)):
        maker.add_layer((wide,), (wide, *layers_of_windows.IMAGES[:2]))
    return maker.finish()
