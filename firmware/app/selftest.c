/* SPDX-License-Identifier: 0BSD */
/* Makes the self-test's input, part by part, runs the model and sums up its outputs. */
#include "selftest.h"

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

int run_selftest(uint32_t *found)
{
    uint32_t state = SEED;
    int result;
    app_model.begin();
    do {
        for (uint32_t i = 0u; i < app_model.input_count; ++i) {
            const app_input *input = &app_model.inputs[i];
            int8_t *data = input->data();
            for (uint32_t k = 0u; k < input->bytes / input->rows; ++k) {
                state = next_state(state);
                data[k] = (int8_t)(uint8_t)(state >> 24);
            }
        }
        result = app_model.run();
    } while (result > 0);
    uint32_t crc = 0u;
    for (uint32_t i = 0u; i < app_model.output_count; ++i) {
        crc = crc32_update(crc, app_model.outputs[i].data(), app_model.outputs[i].bytes);
    }
    *found = crc;
    return result;
}
