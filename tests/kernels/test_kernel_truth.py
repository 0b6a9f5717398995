"""Comparisons, logical operations and choices against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q

RELATIONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
TRUTH = Q(dtype="bool")
SHAPE = (1, 5, 4, 3)
OPERANDS = [  # shapes of the second operand, whether it is constant
    (SHAPE, False),
    (SHAPE, True),
    ((1, 1, 1, 3), False),
    ((1, 5, 1, 1), False),
    ((1, 1, 4, 1), True),
    ((3,), True),
    ((1,), True),
]


def add_comparison(
    batch: Batch,
    relation: str,
    other: tuple[int, ...] = SHAPE,
    *,
    constant: bool = False,
    swapped: bool = False,
    qs: tuple[Q, Q] = (Q(0.05, 3), Q(0.05, 3)),
    shape: tuple[int, ...] = SHAPE,
) -> int:
    """Adds a comparison of values many of which are equal; returns its output."""
    values = batch.rng.integers(-3, 4, (2, *shape)).astype(np.int8)
    ids = [batch.input(shape, qs[0], values)]
    near = batch.rng.integers(-3, 4, other).astype(np.int8)
    ids.append(batch.constant(near, qs[1]) if constant else batch.input(other, qs[1], near[None]))
    result = tuple(np.broadcast_shapes(shape, other))
    name = f"{relation} {other} {constant} {swapped} {qs}"
    truths = batch.output(name, result, TRUTH)
    batch.op(relation, ids[::-1] if swapped else ids, truths)
    return truths


def comparisons() -> Batch:
    batch = Batch(1)
    for relation, (other, constant) in itertools.product(RELATIONS, OPERANDS):
        add_comparison(batch, relation, other, constant=constant, swapped=len(other) == 1)
    for relation, zeros in itertools.product(RELATIONS, ((-128, 127), (127, -128), (0, 1))):
        for scales in ((0.02, 0.03), (0.999, 2.0**-30), (2.0**-20, 2.0**-19)):
            qs = (Q(scales[0], zeros[0]), Q(scales[1], zeros[1]))
            add_comparison(batch, relation, qs=qs, swapped=zeros[0] == 0)
    for shape in ((1, 7), (1, 3, 5), (1, 2, 1, 3, 2)):
        add_comparison(batch, "LESS", shape, shape=shape)
    return batch


def add_choice(batch: Batch, relation: str = "LESS") -> None:
    """Adds a choice between two inputs, and the negation of its truth values."""
    truths, q = add_comparison(batch, relation), Q(0.05, -7)
    ids = [truths, batch.input(SHAPE, q), batch.input(SHAPE, q)]
    batch.op("SELECT_V2", ids, batch.output(f"choice {relation}", SHAPE, q))
    batch.op("LOGICAL_NOT", [truths], batch.output(f"not {relation}", SHAPE, TRUTH))


def choices() -> Batch:
    batch = Batch(2)
    q = Q(0.05, -7)
    for relation, (other, constant) in itertools.product(("LESS", "EQUAL"), OPERANDS):
        truths = add_comparison(batch, relation)
        for swapped in (False, True):
            source = batch.input(SHAPE, q)
            values = batch.rng.integers(-128, 128, other).astype(np.int8)
            second = batch.constant(values, q) if constant else batch.input(other, q)
            ids = [truths, *((second, source) if swapped else (source, second))]
            output = batch.output(f"{relation} {other} {constant} {swapped}", SHAPE, q)
            batch.op("SELECT_V2", ids, output)
    for condition in ((1, 5, 4, 1), (1, 1, 1, 3), (1, 1, 4, 3)):
        truths = add_comparison(batch, "LESS", condition, shape=condition)
        ids = [truths, batch.input(SHAPE, q), batch.constant(np.full((1,), 5, np.int8), q)]
        batch.op("SELECT_V2", ids, batch.output(f"{condition}", SHAPE, q))
        mask = batch.rng.integers(0, 2, condition).astype(bool)
        ids[:2] = batch.writer.add_tensor("", condition, "bool", data=mask), batch.input(SHAPE, q)
        batch.op("SELECT_V2", ids, batch.output(f"constant {condition}", SHAPE, q))
    for shape in (SHAPE, (1, 9), (1, 3, 4)):
        truths = add_comparison(batch, "LESS", shape, shape=shape)
        ids = [truths, batch.input(shape, q), batch.input(shape, q)]
        batch.op("SELECT", ids, batch.output(f"SELECT {shape}", shape, q))
    for builtin in ("LOGICAL_AND", "LOGICAL_OR"):
        for other in (SHAPE, (1, 5, 1, 1), (1, 1, 1, 3)):
            ids = [
                add_comparison(batch, "LESS"),
                add_comparison(batch, "GREATER", other, shape=other),
            ]
            batch.op(builtin, ids, batch.output(f"{builtin} {other}", SHAPE, TRUTH))
    add_choice(batch, "NOT_EQUAL")
    return batch


def test_comparisons(tmp_path: Path) -> None:
    check_batch(comparisons(), tmp_path)


def test_choices(tmp_path: Path) -> None:
    check_batch(choices(), tmp_path)


def test_on_the_board(tmp_path: Path) -> None:
    check_emulated(choices(), tmp_path, "cortex-m7")
