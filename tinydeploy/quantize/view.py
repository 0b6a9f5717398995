"""How the axes of an ONNX tensor lie in a stored one: reshapes and transpositions as bookkeeping.

The stored tensor's elements are counted by atoms, sizes above 1 in stored order, outermost first:
a stored [1, H, W, C] has the atoms H, W, C. Each ONNX axis is a product of atoms: the picture's
axes are (), (C), (H), (W), and after a Flatten they are (), (C, H, W). So nothing moves until an
operator asks for an order that the stored one has not, and transpositions that cancel cost nothing.
Atoms split where a reshape asks for it. Batches of one have no atom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Shape = tuple[int, ...]


@dataclass(frozen=True)
class View:
    """An ONNX tensor over the elements of a stored one.

    Args:
        sizes: Of the atoms, in the order in which they are stored.
        axes: For each ONNX axis the atoms that it counts, outermost first.
    """

    sizes: Shape
    axes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, stored: Shape, order: Sequence[int]) -> View:
        """The view of a stored shape whose axis k is the ONNX axis order[k]."""
        axes: list[tuple[int, ...]] = [()] * len(order)
        sizes: list[int] = []
        for size, axis in zip(stored, order, strict=True):
            if size > 1:
                axes[axis] = (len(sizes),)
                sizes.append(size)
        return cls(tuple(sizes), tuple(axes))

    @property
    def shape(self) -> Shape:
        """The ONNX shape."""
        return tuple(math.prod(self.sizes[atom] for atom in axis) for axis in self.axes)

    @property
    def sequence(self) -> tuple[int, ...]:
        """All atoms in the order in which ONNX counts them."""
        return tuple(atom for axis in self.axes for atom in axis)

    @property
    def is_in_order(self) -> bool:
        """Whether ONNX counts the elements as they are stored."""
        return self.sequence == tuple(range(len(self.sizes)))

    def transpose(self, order: Sequence[int]) -> View:
        """The view whose ONNX axis k is this one's axis order[k]."""
        return View(self.sizes, tuple(self.axes[axis] for axis in order))

    def insert(self, axis: int) -> View:
        """The view with one more ONNX axis, of size 1."""
        return View(self.sizes, (*self.axes[:axis], (), *self.axes[axis:]))

    def drop(self, axis: int) -> View:
        """The view without an ONNX axis of size 1."""
        return View(self.sizes, (*self.axes[:axis], *self.axes[axis + 1 :]))

    def reshape(self, shape: Shape) -> View | None:
        """The same elements in the same ONNX order under another shape.

        Returns:
            None where that cuts through elements that are not stored one behind the other.
        """
        pieces = _join_neighbours(self.sequence, self.sizes)  # ONNX order: atoms, size
        cuts: list[tuple[int, int]] = []  # (first atom of a piece, size) in ONNX order
        axes_lengths = []
        for size in shape:
            count, rest = 0, size
            while rest > 1:
                if not pieces:
                    return None
                atom, available = pieces.pop(0)
                taken = math.gcd(available, rest)
                if taken == available:
                    inner = 1
                elif taken == rest:
                    inner = available // rest
                else:
                    return None
                cuts.append((atom, taken))
                if inner > 1:
                    pieces.insert(0, (atom, inner))
                rest //= taken
                count += 1
            axes_lengths.append(count)
        if pieces:
            return None
        # Pieces of one atom are stored in the order in which they were cut off, outermost first.
        stored = sorted(range(len(cuts)), key=lambda k: (cuts[k][0], k))
        sizes = tuple(cuts[k][1] for k in stored)
        position = {k: place for place, k in enumerate(stored)}
        numbers = iter(range(len(cuts)))
        axes = tuple(tuple(position[next(numbers)] for _ in range(n)) for n in axes_lengths)
        return View(sizes, axes)

    def find_order(self) -> tuple[int, ...] | None:
        """The order of ONNX axes in which whole axes are stored; axes of size 1 as in NHWC.

        Returns:
            None where the stored tensor does not have the axes one behind the other.
        """
        filled = sorted((axis for axis in range(len(self.axes)) if self.axes[axis]), key=self._at)
        if tuple(atom for axis in filled for atom in self.axes[axis]) != tuple(
            range(len(self.sizes))
        ):
            return None
        rest = iter(filled)
        return tuple(next(rest) if self.axes[a] else a for a in channels_last(len(self.axes)))

    def ends_with(self, axis: int, size: int) -> bool:
        """Whether an ONNX axis of this size is what the stored tensor has last."""
        atoms = self.axes[axis]
        last = tuple(range(len(self.sizes) - len(atoms), len(self.sizes)))
        return atoms == last and self.shape[axis] == size

    def to_stored(self, values: NDArray[Any], stored: Shape) -> NDArray[Any]:
        """Values of the ONNX tensor as they are stored.

        Args:
            values: The ONNX shape, for a batch of n where the view has one of 1.
            stored: The stored shape, with a batch of 1.

        Returns:
            [n, *stored[1:]].
        """
        sequence = self.sequence
        parts = values.reshape(-1, *(self.sizes[atom] for atom in sequence))
        order = [1 + sequence.index(atom) for atom in range(len(sequence))]
        return parts.transpose(0, *order).reshape(-1, *stored[1:])

    def _at(self, axis: int) -> int:
        return self.axes[axis][0]


def channels_last(rank: int) -> tuple[int, ...]:
    """The order of axes that TFLite wants of ONNX's: N, H, W, C."""
    return (0, *range(2, rank), 1) if rank > 2 else tuple(range(rank))


def _join_neighbours(sequence: Sequence[int], sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of atoms that ONNX and the stored tensor count alike: (first atom, size) of each."""
    pieces: list[tuple[int, int]] = []
    for k, atom in enumerate(sequence):
        if k and atom == sequence[k - 1] + 1:
            first, size = pieces[-1]
            pieces[-1] = first, size * sizes[atom]
        else:
            pieces.append((atom, sizes[atom]))
    return pieces
