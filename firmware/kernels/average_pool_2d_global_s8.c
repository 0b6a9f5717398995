/* SPDX-License-Identifier: 0BSD */
/* Average-pooling over all of the input: every input row is added to one sum per channel. */
#include "td_kernels.h"
#include "td_sums.h"

void td_average_pool_2d_global_s8(const td_average_pool_2d_global *op, const td_tensor *in, const td_tensor *out,
                               int32_t first, int32_t last, void *scratch)
{
    int32_t *sums = scratch;

    td_sum_rows(in, first, last, sums);
    if (last < in->height)
        return;

    int8_t *y = td_row(out, 0);
    for (int32_t c = 0; c < in->channels; c++)
        y[c] = (int8_t)td_clamp(td_divide_rounding(sums[c], in->height * in->width), op->low, op->high);
}
