/* SPDX-License-Identifier: 0BSD */
/* Mean over height and width: every input row is added to one sum per channel. */
#include <string.h>

#include "td_kernels.h"

static void add_row(const int8_t *x, int32_t width, int32_t channels, int32_t *sums)
{
    for (int32_t w = 0; w < width; w++, x += channels)
        for (int32_t c = 0; c < channels; c++)
            sums[c] += x[c];
}

void td_mean_s8(const td_mean *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last,
                void *scratch)
{
    const int32_t channels = in->channels;
    int32_t *sums = scratch;

    for (int32_t h = first; h < last; h++) {
        memset(sums, 0, (size_t)channels * sizeof *sums);
        for (int32_t i = 0; i < in->height; i++)
            add_row(td_row(in, i), in->width, channels, sums);

        int8_t *y = td_row(out, h);
        for (int32_t c = 0; c < channels; c++) {
            const int32_t value = td_requantize(sums[c] + op->bias, op->multiplier, op->shift);
            y[c] = (int8_t)td_clamp(td_add_wrapping(value, op->output_offset), INT8_MIN, INT8_MAX);
        }
    }
}
