/* SPDX-License-Identifier: 0BSD */
/* Look-up table: any function of one int8. */
#include "td_kernels.h"

void td_lookup_s8(const int8_t *table, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t n = out->width * out->channels;
    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < n; i++)
            y[i] = table[x[i] + 128];
    }
}
