/* SPDX-License-Identifier: 0BSD */
/* Gives the model the self-test's inputs, part by part, runs it and sums up its outputs. */
#include "selftest.h"

#include <stddef.h>
#include <string.h>

#include "app_model.h"
#include "crc32.h"

#define SEED 0x2545F491u

/* Marsaglia's xorshift32 with the shifts 13, 17, 5. */
static uint32_t next_state(uint32_t state)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* Fills the next part of the inputs with random bytes. */
static void fill_randomly(uint32_t *state)
{
    for (uint32_t i = 0u; i < app_model.input_count; ++i) {
        const app_input *input = &app_model.inputs[i];
        int8_t *data = input->data();
        for (uint32_t k = 0u; k < input->bytes / input->rows; ++k) {
            *state = next_state(*state);
            data[k] = (int8_t)(uint8_t)(*state >> 24);
        }
    }
}

/* One inference: with random bytes, or where `vector` is not NULL with that. Adds its outputs to *crc. */
static int run_once(const int8_t *vector, uint32_t *crc)
{
    uint32_t state = SEED;
    uint32_t part_bytes = app_model.inputs[0].bytes / app_model.inputs[0].rows;
    int result;
    app_model.begin();
    do {
        if (vector != NULL) {
            memcpy(app_model.inputs[0].data(), vector, part_bytes);
            vector += part_bytes;
        } else {
            fill_randomly(&state);
        }
        result = app_model.run();
    } while (result > 0);
    for (uint32_t i = 0u; i < app_model.output_count; ++i) {
        *crc = crc32_update(*crc, app_model.outputs[i].data(), app_model.outputs[i].bytes);
    }
    return result;
}

int run_selftest(uint32_t *found)
{
    uint32_t crc = 0u;
    int result = run_once(NULL, &crc);
    for (uint32_t i = 0u; result == 0 && i < app_model.vector_count; ++i) {
        result = run_once(app_model.vectors + i * app_model.inputs[0].bytes, &crc);
    }
    *found = crc;
    return result;
}
