"""A hand-made model with the generated API, to build firmware without the code generator.

Input: 16 bytes. Layer 0 reverses them; layer 1, in two parts, adds pairs and a weight.
Output: 8 bytes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tinydeploy.board import Board
from tinydeploy.errors import MissingDependencyError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.tensor import Quantization, Tensor
from tinydeploy.plan.plan import Arena, Plan
from tinydeploy.project.build import Firmware, build_firmware
from tinydeploy.project.mlperf import MlperfTask
from tinydeploy.project.selftest import selftest_crc, selftest_inputs
from tinydeploy.project.toolchain import Kind, Toolchain, find_toolchain
from tinydeploy.project.write import project_files, write_project

BuildFirmware = Callable[[str, Kind], Firmware]

INPUT_BYTES = 16
OUTPUT_BYTES = 8

_HEADER = """\
/* SPDX-License-Identifier: 0BSD */
#ifndef FAKE_MODEL_H
#define FAKE_MODEL_H

#include <stdint.h>

#define FAKE_LAYER_COUNT 2
#define FAKE_INPUT_SIZE 16
#define FAKE_INPUT_SCALE 0.00784313772f
#define FAKE_INPUT_ZERO_POINT (-1)
#define FAKE_OUTPUT_SIZE 8
#define FAKE_OUTPUT_SCALE 0.25f
#define FAKE_OUTPUT_ZERO_POINT (3)

int8_t *fake_input(void);
const int8_t *fake_output(void);
int fake_run(void);
int fake_run_observed(void (*observe)(void *context, int layer), void *context);

#endif
"""

_SOURCE = """\
/* SPDX-License-Identifier: 0BSD */
#include "model.h"

#include <stddef.h>
#include <string.h>

#include "td_types.h"
#include "weights.h"

#if defined(__GNUC__) && !defined(__clang__)
#define LAYER static __attribute__((noipa))
#else
#define LAYER static __attribute__((noinline, used))
#endif

__attribute__((section(".td_arena.MEMORY"), aligned(16)))
static int8_t fake_arena_MEMORY[ARENA_BYTES];

int8_t *fake_input(void)
{
    return fake_arena_MEMORY;
}

const int8_t *fake_output(void)
{
    return fake_arena_MEMORY + 32;
}

LAYER void fake_layer0(int32_t first, int32_t last)
{
    for (int32_t i = first; i < last; ++i) {
        fake_arena_MEMORY[16 + i] = fake_arena_MEMORY[15 - i];
    }
}

LAYER void fake_layer1(int32_t first, int32_t last)
{
    for (volatile int32_t turn = 0; turn < 8; ++turn) { /* longer than layer 0, however optimized */
    }
    for (int32_t i = first; i < last; ++i) {
        const int8_t *pair = &fake_arena_MEMORY[16 + 2 * i];
        int32_t sum = pair[0] + pair[1] + fake_weights[i];
        memcpy(&fake_arena_MEMORY[32 + i], &sum, 1);
    }
}

int fake_run_observed(void (*observe)(void *context, int layer), void *context)
{
    fake_layer0(0, 16);
    if (observe != NULL) {
        observe(context, 0);
    }
    for (int32_t first = 0; first < 8; first += 4) {
        fake_layer1(first, first + 4);
        if (observe != NULL) {
            observe(context, 1);
        }
    }
    return 0;
}

int fake_run(void)
{
    return fake_run_observed(NULL, NULL);
}
"""

_WEIGHTS_HEADER = """\
/* SPDX-License-Identifier: 0BSD */
#include <stdint.h>
extern const int8_t fake_weights[8];
"""

WEIGHTS = (1, 2, 3, 4, 5, 6, 7, 8)

_WEIGHTS = f"""\
/* SPDX-License-Identifier: 0BSD */
#include "weights.h"
const int8_t fake_weights[8] = {{{", ".join(map(str, WEIGHTS))}}};
"""


def fake_output(data: bytes) -> bytes:
    """What the fake model computes, in Python."""
    turned = [byte - 256 if byte > 127 else byte for byte in reversed(data)]
    return bytes((turned[2 * i] + turned[2 * i + 1] + WEIGHTS[i]) & 0xFF for i in range(8))


def fake_graph() -> Graph:
    """The graph of the fake model."""
    tensors = tuple(
        Tensor(name, (1, size), "int8", Quantization((scale,), (zero_point,)))
        for name, size, scale, zero_point in (
            ("in", INPUT_BYTES, 0.00784313772, -1),
            ("middle", 16, 0.5, 0),
            ("out", OUTPUT_BYTES, 0.25, 3),
        )
    )
    ops = (Op(index=0, inputs=(0,), outputs=(1,)), Op(index=1, inputs=(1,), outputs=(2,)))
    return Graph("fake", tensors, ops, (0,), (2,))


def fake_files(
    board: Board,
    *,
    memory: str | None = None,
    arena: int = 48,
    kernels: Sequence[str] = (),
    crc: int | None = None,
    changes: Mapping[str, str] | None = None,
    hot: Sequence[str] = (),
    mlperf: MlperfTask | None = None,
) -> dict[str, bytes]:
    """The project's files.

    Args:
        board: The board to build for.
        memory: Where the arena lies; the board's first choice if None.
        arena: Its bytes.
        kernels: Kernels to build in, called or not.
        crc: What the self-test expects, if not what is right.
        changes: Model sources to replace.
        hot: Sources, without suffix, whose code is hot.
        mlperf: Answer MLPerf Tiny's runner.
    """
    memory = memory or board.memories_for("arena")[0].name
    sources = {
        "fake/model.h": _HEADER,
        "fake/model.c": _SOURCE.replace("MEMORY", memory).replace("ARENA_BYTES", str(arena)),
        "fake/weights.h": _WEIGHTS_HEADER,
        "fake/weights.c": _WEIGHTS,
    }
    plan = Plan((), {}, {}, (Arena(memory, arena),), 0, {})
    if crc is None:
        crc = selftest_crc([fake_output(selftest_inputs([INPUT_BYTES])[0])])
    return project_files(
        fake_graph(),
        plan,
        sources | dict(changes or {}),
        kernels,
        board,
        selftest_crc=crc,
        hot=hot,
        mlperf=mlperf,
    )


def build_fake(
    folder: Path, board: Board, toolchain: Toolchain | None = None, **options: object
) -> Firmware:
    """Writes and builds the fake model's firmware."""
    write_project(folder, fake_files(board, **options))  # type: ignore[arg-type]
    return build_firmware(folder, board, toolchain or find_toolchain())


def build_fake_firmware(folder: Path, board: Board) -> Path:
    """Writes and builds the fake model's firmware; returns the ELF."""
    return build_fake(folder, board).elf


def toolchain_or_skip(kind: Kind) -> Toolchain:
    """The compiler of that kind; skips the test where it is not installed."""
    if kind == "zig" and importlib.util.find_spec("ziglang") is None:
        pytest.skip("the Python package ziglang is not installed")
    try:
        return find_toolchain(kind)
    except MissingDependencyError as error:
        pytest.skip(error.message)
