"""Layers that bring the elements of a stored tensor into another order, as few as will do.

1. Where only channels change places, as in a channel shuffle: Gather on the last axis.
2. Where whole axes change places: Transpose.
3. Else: Reshape to the runs of elements that stay together, Transpose, Reshape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinydeploy.quantize.network import Gather, Layer, Reshape, Shape, Transpose


def arrange_tensor(
    tensor: str,
    stored: Shape,
    sizes: Shape,
    sequence: Sequence[int],
    name: str,
    shape: Shape,
) -> tuple[list[Layer], dict[str, Shape]]:
    """Layers from one order to another.

    Args:
        tensor: The stored tensor.
        stored: Its shape.
        sizes: Its elements counted by atoms, see `View`.
        sequence: The atoms in the wanted order, which is another.
        name: Of the tensor to make.
        shape: Its shape.

    Returns:
        The layers and the shapes of what they write.
    """
    prefix = next(k for k, atom in enumerate(sequence) if atom != k)
    if math.prod(sizes[prefix:]) == stored[-1]:
        places = np.arange(stored[-1]).reshape(sizes[prefix:])
        moved = places.transpose([atom - prefix for atom in sequence[prefix:]])
        indices = tuple(int(k) for k in moved.ravel())
        axis = len(stored) - 1
        return _chain(tensor, stored, name, shape, (lambda i, o: Gather(i, o, axis, indices)))
    order = _permute_axes(stored, shape, sizes, sequence)
    if order is not None:
        return _chain(tensor, stored, name, shape, (lambda i, o: Transpose(i, o, order)), shape)
    runs = _stay_together(sequence)
    before = (1, *(math.prod(sizes[atom] for atom in run) for run in sorted(runs)))
    moves = (0, *(1 + sorted(runs).index(run) for run in runs))
    after = tuple(before[k] for k in moves)
    return _chain(tensor, stored, name, shape, (lambda i, o: Transpose(i, o, moves)), after, before)


def _chain(
    tensor: str,
    stored: Shape,
    name: str,
    shape: Shape,
    move: Callable[[tuple[str, ...], str], Layer],
    after: Shape | None = None,
    before: Shape | None = None,
) -> tuple[list[Layer], dict[str, Shape]]:
    """The layer that moves, between Reshapes where it takes or gives another shape."""
    layers: list[Layer] = []
    shapes = {name: shape}
    before, after = before or stored, after or stored
    if before != stored:
        shapes[f"{name}/from"] = before
        layers.append(Reshape((tensor,), f"{name}/from"))
        tensor = f"{name}/from"
    if after == shape:
        return [*layers, move((tensor,), name)], shapes
    shapes[f"{name}/moved"] = after
    layers.append(move((tensor,), f"{name}/moved"))
    return [*layers, Reshape((f"{name}/moved",), name)], shapes


def _permute_axes(
    stored: Shape, shape: Shape, sizes: Shape, sequence: Sequence[int]
) -> tuple[int, ...] | None:
    """The permutation of stored axes that does it; None where axes split or join."""
    filled = [axis for axis, size in enumerate(stored) if size > 1]
    made = tuple(size for size in shape if size > 1)
    whole = sizes == tuple(stored[axis] for axis in filled)
    if len(stored) != len(shape) or not whole or made != tuple(sizes[atom] for atom in sequence):
        return None
    ones = iter(axis for axis, size in enumerate(stored) if size == 1)
    moved = iter(filled[atom] for atom in sequence)
    order = tuple(next(moved if size > 1 else ones) for size in shape)
    return order if tuple(stored[axis] for axis in order) == shape else None


def _stay_together(sequence: Sequence[int]) -> list[tuple[int, ...]]:
    """The wanted order cut into runs of atoms that follow each other as stored."""
    runs: list[tuple[int, ...]] = []
    for k, atom in enumerate(sequence):
        if k and atom == sequence[k - 1] + 1:
            runs[-1] = (*runs[-1], atom)
        else:
            runs.append((atom,))
    return runs
