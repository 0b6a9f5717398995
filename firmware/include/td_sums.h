/* SPDX-License-Identifier: 0BSD */
/* Sums of rows, and rounded means: what pools over averages share. */
#ifndef TD_SUMS_H
#define TD_SUMS_H

#include <string.h>

#include "td_types.h"

/* Adds the rows [first, last) to one sum per channel; row 0 starts afresh. */
static inline void td_sum_rows(const td_tensor *in, int32_t first, int32_t last, int32_t *sums)
{
    const int32_t channels = in->channels;

    if (first == 0)
        memset(sums, 0, (size_t)channels * sizeof *sums);
    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        for (int32_t w = 0; w < in->width; w++, x += channels)
            for (int32_t c = 0; c < channels; c++)
                sums[c] += x[c];
    }
}

/* sum / count to the nearest integer, halves away from zero; |sum| <= 128 * count < 2^31 - 2^23. */
static inline int32_t td_divide_rounding(int32_t sum, int32_t count)
{
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

#endif
