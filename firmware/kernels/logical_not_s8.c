/* SPDX-License-Identifier: 0BSD */
/* 1 in place of 0, and the reverse. */
#include "td_kernels.h"

void td_logical_not_s8(const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t size = out->width * out->channels;

    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < size; i++)
            y[i] = (int8_t)(1 - x[i]);
    }
}
