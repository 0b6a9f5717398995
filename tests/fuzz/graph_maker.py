"""Adds random operators to a model, drawn by hypothesis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from builders import Handle, ModelBuilder
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.model_builder import initialize

T = TypeVar("T")
Shape = tuple[int, ...]

MOST_ELEMENTS = 3000  # of a tensor


class GraphMaker:
    """Adds random operators to a model.

    Args:
        draw: As hypothesis gives it; what it draws first is the simplest.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.builder = ModelBuilder(self.number(0, 1 << 16))
        self.known: list[Handle] = []
        self.indices: list[Handle] = []  # outputs that nothing reads
        self.variables: list[NDArray[np.integer]] = []  # their first values

    def pick(self, options: Sequence[T]) -> T:
        picked: T = self.draw(st.sampled_from(options))
        return picked

    def number(self, least: int, most: int) -> int:
        return int(self.draw(st.integers(least, most)))

    def flag(self) -> bool:
        return bool(self.draw(st.booleans()))

    def pair(self, least: int, most: int) -> tuple[int, int]:
        return self.number(least, most), self.number(least, most)

    # Operators.

    def input(self) -> None:
        image = (self.number(1, 9), self.number(1, 9), self.number(1, 9))
        shape = self.pick(
            (
                *(image, image),  # twice as often
                (self.number(1, 12), self.number(1, 9)),
                (self.number(1, 40),),
            )
        )
        x = self.builder.input(shape, self.scale(), self.zero())
        self.known.append(x)

    def scale(self) -> float:
        if self.builder.dtype == "int16":
            return self.pick((0.001, 2.0**-12, 0.0173, 0.00037))
        return self.pick((0.05, 0.5, 1 / 64, 0.0173, 0.731))

    def zero(self) -> int:
        return 0 if self.builder.dtype == "int16" else self.pick((0, -128, 127, -3, 29))

    def activation(self) -> str:
        return self.pick(("NONE", "RELU", "RELU6", "RELU_N1_TO_1"))

    def stride(self) -> tuple[int, int]:
        return self.pick(((1, 1), (2, 2), (3, 3), (1, 2), (2, 1), (3, 1)))

    def window(self) -> tuple[int, int]:
        return self.pick(((1, 1), (2, 2), (3, 3), (1, 3), (4, 2), (5, 1)))

    def axis(self, rank: int) -> tuple[int, int]:
        """A dimension, and how a file may write it: from the front or from behind."""
        axis = self.number(0, rank - 1)
        return axis, self.pick((axis, axis - rank))

    def op(
        self,
        builtin: str,
        inputs: Sequence[Handle | int],
        shape: Shape,
        like: Handle | None = None,
        **options: Any,
    ) -> Handle:
        """An operator; its output quantizes like a given tensor, or at random."""
        scale, zero = (like.scale, like.zero_point) if like else (self.scale(), self.zero())
        output = self.builder.activation(shape, scale, zero)
        ids = [x.id if isinstance(x, Handle) else x for x in inputs]
        self.builder.writer.add_op(builtin, ids, [output.id], options)
        return output

    def numbers(self, values: object) -> int:
        return self.builder.constant(np.asarray(values, np.int32))

    def add_layer(self, any_rank: Sequence[Layer], images: Sequence[Layer]) -> None:
        """One more operator on a tensor that there is, most often the last one.

        Of an image, half of them are those of images alone.
        """
        x = self.known[-1] if self.number(0, 3) else self.pick(self.known)
        made = self.pick(images if len(x.shape) == 4 and self.flag() else any_rank)(self, x)
        for y in made if isinstance(made, list) else [made]:
            if y is not None:
                self.known.append(y)

    def finish(self) -> bytes:
        inner = [x for x in self.known if x.id not in self.builder.inputs]
        outputs = {inner[-1].id: inner[-1]}
        for _ in range(self.number(0, 2)):
            y = self.pick(inner)
            outputs[y.id] = y
        outputs |= {y.id: y for y in self.indices}
        for number, values in enumerate(self.variables):
            initialize(self.builder.writer, {f"v{number}": values})
        return self.builder.finish(list(outputs.values()))


def fits(shape: Sequence[int]) -> bool:
    return (
        1 <= math.prod(shape) <= MOST_ELEMENTS
        and min(shape) >= 1
        and len(shape) <= 6
        and (len(shape) != 4 or shape[0] == 1)
    )


Layer = Callable[[GraphMaker, Handle], "Handle | list[Handle] | None"]
"""Adds an operator that reads a tensor; None where it cannot."""
