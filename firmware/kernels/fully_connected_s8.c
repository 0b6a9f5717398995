/* SPDX-License-Identifier: 0BSD */
/* Fully-connected layer. */
#include "td_dot.h"
#include "td_kernels.h"

static inline int8_t finish_unit(const td_fully_connected *op, int32_t unit, int32_t sum)
{
    const td_scale scale = op->scales[op->per_channel ? unit : 0];
    const int32_t value = td_scale_rounding(td_add_wrapping(sum, op->bias[unit]), scale) + op->output_offset;
    const int32_t low = op->bounds ? op->bounds[2 * unit] : op->low;
    const int32_t high = op->bounds ? op->bounds[2 * unit + 1] : op->high;
    return (int8_t)td_clamp(value, low, high);
}

/* The sums of products of the 4 or 1 = `count` units from `unit` on with the vector that begins `start` bytes behind
 * the start of input row `row`. */
static void sum_units(const td_fully_connected *op, const td_tensor *in, int32_t row, int32_t start, int32_t unit,
                      int32_t count, int32_t sums[4])
{
    const int32_t row_size = in->width * in->channels;
    const int8_t *weights = op->weights + unit * op->depth;
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    for (int32_t k = 0; k < op->depth; row++, start = 0) {
        const int8_t *x = td_row(in, row) + start;
        const int32_t n = row_size - start < op->depth - k ? row_size - start : op->depth - k;
        if (count == 4)
            td_dot_4(x, op->input_offset, weights + k, op->depth, n, sums);
        else
            sums[0] += td_dot_1(x, op->input_offset, weights + k, n);
        k += n;
    }
}

void td_fully_connected_s8(const td_fully_connected *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last)
{
    const int32_t row_size = in->width * in->channels;
    const int32_t vectors_per_row = out->width * out->channels / op->units;

    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < vectors_per_row; i++, y += op->units) {
            const int32_t begin = (h * vectors_per_row + i) * op->depth;
            for (int32_t unit = 0; unit < op->units;) {
                const int32_t count = op->units - unit >= 4 ? 4 : 1;
                int32_t sums[4];
                sum_units(op, in, begin / row_size, begin % row_size, unit, count, sums);
                for (int32_t k = 0; k < count; k++, unit++)
                    y[unit] = finish_unit(op, unit, sums[k]);
            }
        }
    }
}
