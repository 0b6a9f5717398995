"""Layers of a graph as a shared library, called piece by piece on rows that lie anywhere."""

from __future__ import annotations

import ctypes
import itertools
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board
from tinydeploy.codegen.layer import LayerContext, emit_layer
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.reshape import Reshape
from tinydeploy.paths import FIRMWARE, kernel_sources
from tinydeploy.plan.calls import call_rows
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernels import choose_kernels
from tinydeploy.plan.overlay import Overlay

Array = NDArray[Any]
Int8 = NDArray[np.int8]

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Werror")
Choose = Callable[[Graph, Board | None], Mapping[int, Kernel]]
"""Chooses kernels for a graph, by position in Graph.ops."""

_GAP = 4  # the least number of bytes between rows, and before the first


class TdTensor(ctypes.Structure):
    """td_tensor of firmware/include/td_types.h."""

    _fields_ = (
        ("base", ctypes.c_void_p),
        ("table", ctypes.c_void_p),
        ("pitch", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("channels", ctypes.c_int32),
    )


def write_layers(graph: Graph, kernels: Mapping[int, Kernel]) -> tuple[str, tuple[str, ...]]:
    """C text with a function `layer<k>` per op and tensors as variables, and the kernels needed."""
    parts = ["#include <stddef.h>\n", '#include "td_kernels.h"\n']
    parts += [f"extern void layer{k}(int32_t, int32_t);\n" for k in range(len(graph.ops))]
    parts += [f"extern td_tensor tensor{t}; td_tensor tensor{t};\n" for t in graph.stored]
    parts.append("extern void *scratch; void *scratch;\n")
    needed: set[str] = set()
    for k, op in enumerate(graph.ops):
        if isinstance(op, Reshape):
            continue
        tensors = {t: f"&tensor{t}" for t in (*op.inputs, *op.outputs)}
        scratch = "scratch" if kernels[k].scratch_bytes else "NULL"
        keeper = graph.keeper(k)
        state = f"state{keeper}" if graph.ops[keeper].state_bytes else "NULL"
        if op.state_bytes:
            parts.append(f"static int32_t {state}[{op.state_bytes // 4 + 1}];\n")
        context = LayerContext(graph, f"layer{k}", tensors, scratch, kernels[k], state)
        code = emit_layer(op, context)
        needed.update(code.kernels)
        parts += [code.constants, code.parameters]
        parts.append(f"void layer{k}(int32_t first, int32_t last)\n{{\n    {code.call}\n}}\n")
    return "\n".join(parts), tuple(sorted(needed))


def compile_layers(
    graph: Graph, folder: Path, board: Board | None = None, choose: Choose = choose_kernels
) -> LayerLibrary:
    """Compiles the layers of a graph, warnings being errors, with the kernels chosen for a board.

    The host has no DSP extension: what fast kernels have in assembly comes as its twin in C.
    """
    kernels = choose(graph, board)
    text, needed = write_layers(graph, kernels)
    (folder / "layers.c").write_text(text)
    library = folder / "layers.so"
    sources = c_files(needed)
    command = ["gcc", *WARNINGS, "-O1", "-g", "-shared", "-fPIC", f"-I{FIRMWARE / 'include'}"]
    subprocess.run([*command, "-o", str(library), str(folder / "layers.c"), *sources], check=True)
    return LayerLibrary(graph, kernels, ctypes.CDLL(str(library)))


def c_files(kernels: Iterable[str]) -> list[str]:
    """The C files of kernels, without their assembly."""
    files = (path for kernel in kernels for path in kernel_sources(kernel))
    return [str(path) for path in files if path.suffix == ".c"]


class LayerLibrary:
    """Runs single layers: rows scattered over a poisoned memory, made in random pieces."""

    def __init__(self, graph: Graph, kernels: Mapping[int, Kernel], library: ctypes.CDLL) -> None:
        self.graph = graph
        self.kernels = kernels
        self.library = library

    def run(
        self,
        position: int,
        inputs: list[Array],
        rng: np.random.Generator,
        *,
        overlay: Overlay | None = None,
    ) -> Array:
        """Runs one layer and checks that it wrote nothing but its output rows and its scratch.

        Args:
            position: Of the op in Graph.ops.
            inputs: [*shape] for each input, of its dtype.
            rng: Chooses where rows lie, and the pieces.
            overlay: How output rows take the place of input rows; None for places of their own.

        Returns:
            [*shape] of the output, of its dtype.
        """
        op = self.graph.ops[position]
        (output,) = op.outputs
        tensors = list(dict.fromkeys((*op.inputs, output)))
        offsets, scratch, memory = self._place(position, tensors, rng)
        if overlay is not None:
            gone = offsets[overlay.tensor][: len(offsets[output]) - overlay.shift]
            offsets[output][overlay.shift :] = gone
        for tensor, values in zip(op.inputs, inputs, strict=True):
            rows = np.ascontiguousarray(values).reshape(len(offsets[tensor]), -1).view(np.int8)
            for offset, row in zip(offsets[tensor], rows, strict=True):
                memory[offset : offset + len(row)] = row
        tables = [self._bind(tensor, offsets[tensor], memory, rng) for tensor in tensors]

        result = self.graph.tensors[output]
        may_change = np.zeros(len(memory), bool)
        for offset in offsets[output]:
            may_change[offset : offset + result.row_bytes] = True
        may_change[scratch : scratch + self.kernels[position].scratch_bytes] = True
        before = memory.copy()
        scratch_pointer = ctypes.c_void_p.in_dll(self.library, "scratch")
        scratch_pointer.value = memory.ctypes.data + scratch
        layer = getattr(self.library, f"layer{position}")
        kernel = self.kernels[position]
        pieces = _cut(call_rows(self.graph, op, kernel), rng)
        for first, last in sorted(pieces) if kernel.accumulates or overlay else pieces:
            layer(ctypes.c_int32(first), ctypes.c_int32(last))
        del tables
        changed = np.flatnonzero((memory != before) & ~may_change)
        assert not len(changed), f"bytes {changed[:8]} outside of the output rows were written"
        rows = [memory[offset : offset + result.row_bytes] for offset in offsets[output]]
        return np.concatenate(rows).view(result.dtype).reshape(result.shape)

    def _place(
        self, position: int, tensors: list[int], rng: np.random.Generator
    ) -> tuple[dict[int, list[int]], int, Int8]:
        """Random places, multiples of 4, for all rows and the scratch, in random order."""
        pieces = [
            (tensor, row) for tensor in tensors for row in range(self.graph.tensors[tensor].rows[0])
        ]
        pieces.append((-1, 0))
        offsets = {tensor: [0] * self.graph.tensors[tensor].rows[0] for tensor in tensors}
        scratch = 0
        end = _GAP
        for index in rng.permutation(len(pieces)):
            tensor, row = pieces[index]
            if tensor < 0:
                scratch, size = end, self.kernels[position].scratch_bytes
            else:
                offsets[tensor][row], size = end, self.graph.tensors[tensor].row_bytes
            end += -(-size // 4) * 4 + _GAP
        return offsets, scratch, rng.integers(-128, 128, end).astype(np.int8)

    def _bind(
        self, tensor: int, offsets: list[int], memory: Int8, rng: np.random.Generator
    ) -> NDArray[np.uint16] | None:
        """Fills the td_tensor; tensors of one row find it with or without a table."""
        height, width, channels = self.graph.tensors[tensor].rows
        bound = TdTensor.in_dll(self.library, f"tensor{tensor}")
        bound.height, bound.width, bound.channels = height, width, channels
        if height == 1 and rng.integers(2):
            bound.base, bound.table, bound.pitch = memory.ctypes.data + offsets[0], None, 0
            return None
        table = np.array(offsets, np.int64) // 4
        assert table.max() < 1 << 16
        short = table.astype(np.uint16)
        bound.base, bound.table, bound.pitch = memory.ctypes.data, short.ctypes.data, 0
        return short


def _cut(height: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """[0, height) in random pieces, in random order, an empty one among them."""
    cuts = np.unique(rng.integers(0, height + 1, 3))
    ends = np.unique(np.concatenate(([0], cuts, [height]))).tolist()
    pieces = [*itertools.pairwise(ends), (ends[0], ends[0])]
    return [pieces[index] for index in rng.permutation(len(pieces))]
