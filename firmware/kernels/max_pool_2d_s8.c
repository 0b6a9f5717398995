/* SPDX-License-Identifier: 0BSD */
/* Max-pooling: an output row takes up one input row after the other. */
#include "td_kernels.h"
#include "td_window.h"

void td_max_pool_2d_s8(const td_max_pool_2d *op, const td_tensor *in, const td_tensor *out, int32_t first,
                       int32_t last)
{
    for (int32_t h = first; h < last; h++) {
        int8_t *row = td_row(out, h);
        const td_range rows = td_pooled_rows(op, h);
        td_start_max_pool_row(op, row, out->width, out->channels);
        for (int32_t i = rows.first; i < rows.last; i++)
            td_max_pool_row(op, td_row(in, i), row, out->width, out->channels);
        td_finish_max_pool_row(op, row, out->width, out->channels);
    }
}
