/* SPDX-License-Identifier: 0BSD */
/* A dense layer over the last steps of a stream. */
#include <string.h>

#include "td_kernels.h"

/* Moves what a filter saw by one step, and puts what it sees now behind it. */
static void remember(const td_svdf *op, const int8_t *x, int32_t filter, int16_t *seen)
{
    const int8_t *weights = op->weights + filter * op->depth;
    int32_t sum = 0;
    for (int32_t k = 0; k < op->depth; k++)
        sum += weights[k] * (x[k] + op->input_offset);
    const int32_t value = td_requantize(sum, op->state_multiplier, op->state_shift);
    memmove(seen, seen + 1, (size_t)(op->memory - 1) * sizeof *seen);
    seen[op->memory - 1] = (int16_t)td_clamp(value, INT16_MIN, INT16_MAX);
}

void td_svdf_s8(const td_svdf *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last, void *state)
{
    if (first >= last)
        return;
    const int8_t *x = td_row(in, 0);
    int8_t *y = td_row(out, 0);
    int16_t *seen = state;
    const int16_t *time = op->time;
    for (int32_t unit = 0; unit < op->filters / op->rank; unit++) {
        int32_t sum = op->bias[unit];
        for (int32_t i = 0; i < op->rank; i++, seen += op->memory, time += op->memory) {
            remember(op, x, unit * op->rank + i, seen);
            for (int32_t t = 0; t < op->memory; t++)
                sum = td_add_wrapping(sum, time[t] * seen[t]);
        }
        const int32_t value = td_requantize(sum, op->output_multiplier, op->output_shift);
        y[unit] = (int8_t)td_clamp(value + op->output_offset, INT8_MIN, INT8_MAX);
    }
}
