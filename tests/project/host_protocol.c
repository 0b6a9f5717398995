/* SPDX-License-Identifier: 0BSD */
/* The board's side of the protocol on the host: stdin is what it receives, stdout what it sends. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app_model.h"
#include "high_water.h"
#include "protocol.h"
#include "target.h"

static int8_t first_input[70], second_input[5], output[70];
static uint32_t arena[64], stack[16], layer_cycles[20];
static uint32_t cycles, runs;

static int8_t *first(void)
{
    return first_input;
}

static int8_t *second(void)
{
    return second_input;
}

static const int8_t *out(void)
{
    return output;
}

/* Adds the inputs; the last byte counts runs; refuses to run where the first byte is 99. */
static int run_observed(void (*observe)(void *context, int layer), void *context)
{
    if (first_input[0] == 99) {
        return 1;
    }
    runs++;
    for (int i = 0; i < 69; i++) {
        output[i] = (int8_t)(uint8_t)(first_input[i] + second_input[i % 5]);
    }
    output[69] = (int8_t)(uint8_t)(runs & 0xFFu);
    arena[40] = runs;
    for (int layer = 0; layer < 20; layer++) {
        cycles += 100u * (uint32_t)layer;
        if (observe != NULL) {
            observe(context, layer);
        }
    }
    return 0;
}

static int run(void)
{
    return run_observed(NULL, NULL);
}

static const app_input inputs[] = {{first, 70u, 0.5f, -3}, {second, 5u, 0.25f, 127}};
static const app_output outputs[] = {{out, 70u, 0.125f, -128}};
static const app_region arenas[] = {{(uint8_t *)arena, (uint8_t *)(arena + 64)}};

const app_model_t app_model = {
    .name = "host",
    .board = "a board whose name is rather longer than the sixty-three bytes that an answer has room for",
    .inputs = inputs,
    .outputs = outputs,
    .arenas = arenas,
    .layer_cycles = layer_cycles,
    .input_count = 2u,
    .output_count = 1u,
    .arena_count = 1u,
    .layers = 20u,
    .stack = {(uint8_t *)stack, (uint8_t *)(stack + 16)},
    .selftest_crc = 0x12345678u,
    .build_id = {1, 2, 3, 4, 5, 6, 7, 8},
    .run = run,
    .run_observed = run_observed,
};

uint32_t target_core_hz(void)
{
    return 480000000u;
}

uint32_t target_cycles(void)
{
    return cycles;
}

void target_console_put(uint8_t byte)
{
    putchar(byte);
}

int main(void)
{
    fill_arenas();
    for (int i = 0; i < 10; i++) {
        stack[i] = 0xA5A5A5A5u;
    }
    for (;;) {
        uint8_t chunk[64];
        ssize_t count = read(0, chunk, sizeof chunk);
        if (count <= 0) {
            return 0;
        }
        for (ssize_t i = 0; i < count; i++) {
            protocol_receive(chunk[i]);
        }
        fflush(stdout);
    }
}
