"""A model that tells what reached it: a hash of all its input, and how often it has run.

Input: as many bytes as wanted. Output: FNV-1a of the input, then the number of runs since reset,
32 bits each, little-endian.
"""

from __future__ import annotations

import struct
from pathlib import Path

from fake_model import build_fake

from tinydeploy.board import Board
from tinydeploy.project.selftest import selftest_crc, selftest_inputs

OUTPUT_BYTES = 8

_HEADER = """\
/* SPDX-License-Identifier: 0BSD */
#include <stdint.h>

#define FAKE_LAYER_COUNT 1
#define FAKE_INPUT_SIZE INPUT_BYTES
#define FAKE_INPUT_SCALE 1.0f
#define FAKE_INPUT_ZERO_POINT 0
#define FAKE_OUTPUT_SIZE 8
#define FAKE_OUTPUT_SCALE 1.0f
#define FAKE_OUTPUT_ZERO_POINT 0

int8_t *fake_input(void);
const int8_t *fake_output(void);
int fake_run(void);
int fake_run_observed(void (*observe)(void *context, int layer), void *context);
"""

_SOURCE = """\
/* SPDX-License-Identifier: 0BSD */
#include "model.h"

#include <stddef.h>
#include <string.h>

__attribute__((section(".td_arena.MEMORY"), aligned(16)))
static int8_t fake_arena_MEMORY[FAKE_INPUT_SIZE + 8];

static uint32_t runs;

int8_t *fake_input(void)
{
    return fake_arena_MEMORY;
}

const int8_t *fake_output(void)
{
    return fake_arena_MEMORY + FAKE_INPUT_SIZE;
}

int fake_run_observed(void (*observe)(void *context, int layer), void *context)
{
    uint32_t words[2] = {2166136261u, ++runs};
    for (uint32_t i = 0; i < FAKE_INPUT_SIZE; ++i) {
        words[0] = (words[0] ^ (uint8_t)fake_arena_MEMORY[i]) * 16777619u;
    }
    memcpy(fake_arena_MEMORY + FAKE_INPUT_SIZE, words, sizeof words);
    if (observe != NULL) {
        observe(context, 0);
    }
    return 0;
}

int fake_run(void)
{
    return fake_run_observed(NULL, NULL);
}
"""


def witness_output(data: bytes, runs: int) -> bytes:
    """What the model gives for an input in its `runs`-th run."""
    state = 2166136261
    for byte in data:
        state = (state ^ byte) * 16777619 & 0xFFFFFFFF
    return struct.pack("<2I", state, runs)


def build_witness(folder: Path, board: Board, input_bytes: int) -> Path:
    """Writes and builds the model's firmware; returns the ELF."""
    room = [m.name for m in board.memories_for("arena") if m.size > input_bytes + 0x4000]
    changes = {
        "fake/model.h": _HEADER.replace("INPUT_BYTES", str(input_bytes)),
        "fake/model.c": _SOURCE.replace("MEMORY", room[0]),
    }
    expected = witness_output(selftest_inputs([input_bytes])[0], 1)
    return build_fake(
        folder, board, memory=room[0], changes=changes, crc=selftest_crc([expected])
    ).elf
