"""Layers of random graphs that keep something from one inference to the next."""

from __future__ import annotations

import math

import numpy as np
from builders import Handle
from graph_maker import GraphMaker, Layer

from tests.model_builder import add_lstm

MOST_VARIABLES = 8


def variable(m: GraphMaker, x: Handle) -> Handle | None:
    """A sum with what the variable holds, of which one or the other is kept."""
    number, writer, rng = len(m.variables), m.builder.writer, m.builder.rng
    if number == MOST_VARIABLES:
        return None
    alike = m.flag()
    values = rng.integers(-128, 128, x.shape)
    m.variables.append(np.full(x.shape, values.flat[0] if alike else values, m.builder.dtype))
    name = f"v{number}"
    writer.add_op("CALL_ONCE", [], [], {"InitSubgraphIndex": number + 1})
    handle = writer.add_tensor(name, (), "resource")
    writer.add_op("VAR_HANDLE", [], [handle], {"SharedName": name})
    before = m.builder.activation(x.shape, x.scale, x.zero_point)
    writer.add_op("READ_VARIABLE", [handle], [before.id])
    options = {"PotScaleInt16": False} if m.builder.dtype == "int16" else {}
    both = m.op("ADD", [x, before], x.shape, x, **options)
    writer.add_op("ASSIGN_VARIABLE", [handle, (x if m.flag() else both).id], [])
    return both


def svdf(m: GraphMaker, x: Handle) -> Handle | None:
    """A dense layer over time, of an input of one row."""
    if len(x.shape) != 2 or x.shape[0] != 1:
        return None
    writer, rng = m.builder.writer, m.builder.rng
    units, rank, memory, depth = m.number(1, 5), m.number(1, 3), m.number(1, 6), x.shape[1]
    filters = units * rank
    weights = rng.integers(-127, 128, (filters, depth)).astype(np.int8)
    time = rng.integers(-3000, 3000, (filters, memory)).astype(np.int16)
    state_scale = float(x.scale * 0.01 * 73 * 74 * np.sqrt(depth) / 8000)
    ids = [
        x.id,
        writer.add_tensor("feature", weights.shape, "int8", scales=[0.01], data=weights),
        writer.add_tensor("time", time.shape, "int16", scales=[0.0004], data=time),
        -1,
        writer.add_tensor("state", (1, time.size), "int16", scales=[state_scale], variable=True),
    ]
    if m.flag():
        bias = rng.integers(-(10**6), 10**6, units).astype(np.int32)
        scale = state_scale * 0.0004
        ids[3] = writer.add_tensor("bias", (units,), "int32", scales=[scale], data=bias)
    spread = state_scale * 0.0004 * 8000 * 1700 * np.sqrt(memory * rank)
    output = m.builder.activation((1, units), spread / 60, m.zero())
    options = {"Rank": rank, "FusedActivationFunction": "RELU"}
    writer.add_op("SVDF", ids, [output.id], options)
    return output


def lstm(m: GraphMaker, x: Handle) -> Handle:
    """A recurrent layer over a sequence, or over what is made one."""
    if len(x.shape) != 3 or x.shape[0] != 1:
        shape = (1, math.prod(x.shape[:-1]), x.shape[-1])
        x = m.op("RESHAPE", [x, m.numbers(shape)], shape, x)
    y = m.builder.activation((*x.shape[:2], m.number(1, 6)), 1 / 128, m.zero())
    clip, inside = m.pick((0.0, 0.5)), m.zero()
    bits = m.pick((-11, -13, -9, -15))
    add_lstm(
        m.builder.writer, m.builder.rng, x, y,
        gain=m.pick((1.0, 8.0)), cell_log2=bits, inside=inside, CellClip=clip,
    )  # fmt: skip
    return y


ANY_RANK: tuple[Layer, ...] = (variable, svdf, lstm)
