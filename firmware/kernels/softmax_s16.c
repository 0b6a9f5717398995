/* SPDX-License-Identifier: 0BSD */
/* Softmax of int16 by tables and lines between their steps. */
#include "td_kernels.h"

/* The value of a table at `x`, whose least value is that of step 0: 7 bits lie behind the point. */
static int32_t look_up(const int16_t *table, int32_t x)
{
    const int32_t step = 256 + (x >> 7);
    return table[step] + (((table[step + 1] - table[step]) * (x & 127) + 64) >> 7);
}

void td_softmax_s16(const td_softmax_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t n = in->width * in->channels;

    for (int32_t h = first; h < last; h++) {
        const int16_t *x = td_wide_row(in, h);
        int16_t *y = td_wide_row(out, h);
        for (int32_t start = 0; start < n; start += op->depth, x += op->depth, y += op->depth) {
            int32_t largest = INT16_MIN;
            for (int32_t i = 0; i < op->depth; i++)
                if (x[i] > largest)
                    largest = x[i];

            /* In Q16.15. The largest element adds nearly 1. */
            int32_t sum = 0;
            for (int32_t i = 0; i < op->depth; i++) {
                const int32_t scaled = td_requantize(x[i] - largest, op->multiplier, op->shift);
                const int32_t value = look_up(op->exponentials, td_clamp(scaled + 32767, INT16_MIN, INT16_MAX));
                y[i] = (int16_t)value;
                sum += value;
            }

            /* sum = (1 + fraction) * 2^(16 - zeros), the fraction in 1/65536 and moved to the middle of the table. */
            const int32_t zeros = td_leading_zeros((uint32_t)sum);
            const int32_t shifted = (int32_t)((((int64_t)sum << (zeros - 1)) + (1 << 13)) >> 14);
            const int32_t fraction = td_clamp(shifted - (1 << 15) - (1 << 16), INT16_MIN, INT16_MAX);
            const int32_t reciprocal = look_up(op->reciprocals, fraction);

            const int32_t shift = 31 - zeros;
            const int64_t half = (int64_t)1 << (shift - 1);
            for (int32_t i = 0; i < op->depth; i++) {
                const int32_t value = (int32_t)(((int64_t)y[i] * reciprocal + half) >> shift);
                y[i] = (int16_t)td_clamp(value, 0, INT16_MAX);
            }
        }
    }
}
