/* SPDX-License-Identifier: 0BSD */
/* Softmax in the fixed-point arithmetic of gemmlowp, its exponential function read from a table. */
#include "td_kernels.h"
#include "td_reciprocal.h"

void td_softmax_s8(const td_softmax *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t n = in->width * in->channels;

    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        int8_t *y = td_row(out, h);
        for (int32_t start = 0; start < n; start += op->depth, x += op->depth, y += op->depth) {
            int32_t largest = INT8_MIN;
            for (int32_t i = 0; i < op->depth; i++)
                if (x[i] > largest)
                    largest = x[i];

            /* In Q12.19. The largest element adds 1, so the sum is in [2^19, 2^31). */
            uint32_t sum = 0;
            for (int32_t i = 0; i < op->depth; i++)
                if (largest - x[i] < op->entries)
                    sum += (uint32_t)td_shift_right_rounding(op->exponentials[largest - x[i]], 12);

            /* sum = (1 + fraction) * 2^(12 - zeros), and 31 - 8 more bits are shifted out from Q0.31 to Q0.8.
             * Sums of 512 and more leave nothing of any element: a Q0.31 is at most 1/2 after a shift by 32. */
            const int32_t zeros = td_leading_zeros(sum);
            const int32_t fraction = (int32_t)((sum << (uint32_t)zeros) - 0x80000000U);
            const int32_t reciprocal = td_reciprocal_1_plus(fraction);
            const int32_t shift = 12 - zeros + 31 - 8;

            for (int32_t i = 0; i < op->depth; i++) {
                const int32_t distance = largest - x[i];
                int32_t value = 0;
                if (distance < op->entries && shift < 32)
                    value = td_shift_right_rounding(td_multiply_high(reciprocal, op->exponentials[distance]), shift);
                y[i] = (int8_t)td_clamp(value - 128, INT8_MIN, INT8_MAX);
            }
        }
    }
}
