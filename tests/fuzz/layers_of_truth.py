"""Random layers that compare, and choose between elements as the truth values say."""

from __future__ import annotations

import numpy as np
from builders import Handle
from graph_maker import GraphMaker, Layer
from layers_of_elements import spreads

RELATIONS = ("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "EQUAL", "NOT_EQUAL")


def choice(m: GraphMaker, x: Handle) -> Handle | None:
    """Elements of a tensor and of another one, or of a constant."""
    if x.scale >= 1:  # the reference does not compare them
        return None
    truths = _comparison(m, x)
    if m.flag():
        builtin = m.pick(("LOGICAL_AND", "LOGICAL_OR"))
        truths = _truths(m, builtin, [truths, _comparison(m, x)], x)
    if m.flag():
        truths = _truths(m, "LOGICAL_NOT", [truths], x)
    if m.number(0, 5) == 5:
        m.indices.append(Handle(truths, x.shape, 1.0, 0))
    builtin = m.pick(("SELECT_V2", "SELECT_V2", "SELECT"))
    broadcasts = builtin == "SELECT_V2"
    alike = [y for y in m.known if (y.scale, y.zero_point) == (x.scale, x.zero_point)]
    other = m.pick([y for y in alike if y.shape == x.shape or (broadcasts and _fits(y, x))]).id
    if m.flag():
        sizes = [1 if broadcasts and m.flag() else n for n in x.shape]
        other = _constant(m, sizes, x.scale, x.zero_point)
    operands = [x.id, other] if m.flag() else [other, x.id]
    return m.op(builtin, [truths, *operands], x.shape, x)


def _comparison(m: GraphMaker, x: Handle) -> int:
    """Truth values of the shape of a tensor."""
    others = [y for y in m.known if y.scale < 1 and (y.shape == x.shape or _fits(y, x))]
    if len(x.shape) == 4 and m.flag():
        others = [m.builder.mean(x, m.pick(((1, 2), (3,), (2,))))]
    other = m.pick(others).id
    if m.flag():
        other = _constant(m, [1 if m.flag() else n for n in x.shape], x.scale, m.zero())
    return _truths(m, m.pick(RELATIONS), [x.id, other] if m.flag() else [other, x.id], x)


def _fits(y: Handle, x: Handle) -> bool:
    """Whether an image broadcasts to another one."""
    return spreads(y.shape, x.shape) and np.broadcast_shapes(y.shape, x.shape) == x.shape


def _constant(m: GraphMaker, sizes: list[int], scale: float, zero: int) -> int:
    values = m.builder.rng.integers(-128, 128, sizes).astype(np.int8)
    return m.builder.constant(values, scale, zero)


def _truths(m: GraphMaker, builtin: str, inputs: list[int], like: Handle) -> int:
    name = f"truths{m.builder.rng.integers(1 << 30)}"
    output = m.builder.writer.add_tensor(name, like.shape, "bool")
    m.builder.writer.add_op(builtin, inputs, [output], {})
    return output


ANY_RANK: tuple[Layer, ...] = (choice,)
