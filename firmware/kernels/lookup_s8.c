/* SPDX-License-Identifier: 0BSD */
/* Look-up table: any function of one int8. */
#include "td_kernels.h"

void td_lookup_s8(const int8_t *table, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const int8_t *const middle = table + 128; /* of 0 */
    const int32_t n = out->width * out->channels;
    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        int8_t *y = td_row(out, h);
        int32_t i = 0;
        for (; i + 4 <= n; i += 4) {
            const int8_t a = middle[x[i]], b = middle[x[i + 1]], c = middle[x[i + 2]], d = middle[x[i + 3]];
            y[i] = a;
            y[i + 1] = b;
            y[i + 2] = c;
            y[i + 3] = d;
        }
        for (; i < n; i++)
            y[i] = middle[x[i]];
    }
}
