"""Nets for tests of TinyNPU, and how to run them."""

from __future__ import annotations

import numpy as np
from model_builder import Handle, ModelBuilder

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.compiler import Compiled, compile_graph
from tinydeploy.npu.machine import Machine
from tinydeploy.npu.reference import run_arithmetic


def _linear_block(b: ModelBuilder, x: Handle, channels: int, step: int) -> Handle:
    y = b.conv(b.depthwise(x, stride=(step, step)), channels, (1, 1))
    y = b.maximum(y, b.channel_constant(y))
    y = b.depthwise(y)
    return b.maximum(y, b.channel_constant(y))


def _dense_block(b: ModelBuilder, x: Handle, channels: int) -> Handle:
    y = b.depthwise(x)
    y = b.binary("ADD", y, x) if x.shape[3] == channels else y
    z = _linear_block(b, y, channels, 1)
    return b.binary("ADD", z, y) if z.shape == y.shape else z


def small_etinynet(seed: int = 0, size: int = 24, channels: int = 3, classes: int = 10) -> bytes:
    """A stem with a pool, a linear block, two dense ones and a classifier: EtinyNet's kinds."""
    b = ModelBuilder(seed)
    x = b.conv(b.pad(b.input((size, size, channels))), 8, stride=(2, 2), padding="VALID")
    x = b.pool("MAX_POOL_2D", b.maximum(x, b.channel_constant(x)))
    x = _linear_block(b, x, 24, 2)
    for width in (24, 40):
        x = _dense_block(b, x, width)
    logits = b.conv(b.mean(x), classes, (1, 1))
    return b.finish([b.softmax(b.reshape(logits, (1, classes)))])


def compile_model(model: bytes) -> tuple[Graph, Compiled]:
    """The graph as read, and what is compiled of it once fused."""
    graph = read_graph(model)
    return graph, compile_graph(fuse_graph(graph))


def draw_image(graph: Graph, seed: int) -> np.ndarray:
    """A random image: noise, whose values reach the ends of int8."""
    shape = graph.tensors[graph.inputs[0]].shape
    return np.random.default_rng(seed).integers(-128, 128, shape, dtype=np.int8)


def expected_results(graph: Graph, compiled: Compiled, image: np.ndarray) -> bytes:
    """What the arithmetic's definition says that the machine sends."""
    boundary = compiled.split.boundary
    values = run_arithmetic(graph, image, boundary)
    return b"".join(values[tensor].tobytes() for tensor in boundary)


def run_machine(compiled: Compiled, image: np.ndarray) -> bytes:
    """What the simulator sends."""
    machine = Machine()
    machine.load(compiled.program.data)
    return machine.run(image.tobytes()).outputs
