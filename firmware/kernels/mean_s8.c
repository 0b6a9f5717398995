/* SPDX-License-Identifier: 0BSD */
/* Mean over height and width: every input row is added to one sum per channel. */
#include "td_kernels.h"
#include "td_sums.h"

void td_mean_s8(const td_mean *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last,
                void *scratch)
{
    int32_t *sums = scratch;

    td_sum_rows(in, first, last, sums);
    if (last < in->height)
        return;

    int8_t *y = td_row(out, 0);
    for (int32_t c = 0; c < in->channels; c++) {
        const int32_t value = td_requantize(sums[c] + op->bias, op->multiplier, op->shift);
        y[c] = (int8_t)td_clamp(td_add_wrapping(value, op->output_offset), INT8_MIN, INT8_MAX);
    }
}
