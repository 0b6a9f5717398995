/* SPDX-License-Identifier: 0BSD */
/* Fully-connected layer: each output is the dot product of the whole input with its weights. */
#include "td_kernels.h"

/* sum of weights[k] * (x[k] + offset) over k in [0, n). */
static inline int32_t dot(const int8_t *x, int32_t offset, const int8_t *weights, int32_t n)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < n; k++)
        sum += weights[k] * (x[k] + offset);
    return sum;
}

static inline int8_t finish_unit(const td_fully_connected *op, int32_t unit, int32_t sum)
{
    const td_scale scale = op->scales[op->per_channel ? unit : 0];
    const int32_t value = td_scale_rounding(td_add_wrapping(sum, op->bias[unit]), scale) + op->output_offset;
    const int32_t low = op->bounds ? op->bounds[2 * unit] : op->low;
    const int32_t high = op->bounds ? op->bounds[2 * unit + 1] : op->high;
    return (int8_t)td_clamp(value, low, high);
}

/* The dot product of the vector that begins `start` bytes behind the start of input row `row`. */
static inline int32_t dot_rows(const td_tensor *in, int32_t row, int32_t start, int32_t offset, const int8_t *weights,
                               int32_t depth)
{
    const int32_t row_size = in->width * in->channels;
    int32_t sum = 0;
    for (int32_t k = 0; k < depth; row++, start = 0) {
        const int32_t n = row_size - start < depth - k ? row_size - start : depth - k;
        sum += dot(td_row(in, row) + start, offset, weights + k, n);
        k += n;
    }
    return sum;
}

void td_fully_connected_s8(const td_fully_connected *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last)
{
    const int32_t in_row_size = in->width * in->channels;
    const int32_t vectors_per_row = out->width * out->channels / op->units;

    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < vectors_per_row; i++) {
            const int32_t begin = (h * vectors_per_row + i) * op->depth;
            const int32_t row = begin / in_row_size;
            const int32_t start = begin % in_row_size;
            for (int32_t unit = 0; unit < op->units; unit++) {
                const int8_t *weights = op->weights + unit * op->depth;
                *y++ = finish_unit(op, unit, dot_rows(in, row, start, op->input_offset, weights, op->depth));
            }
        }
    }
}
