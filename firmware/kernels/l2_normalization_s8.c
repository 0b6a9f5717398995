/* SPDX-License-Identifier: 0BSD */
/* Vectors scaled to a length of 1, in the fixed-point arithmetic of gemmlowp. */
#include "td_kernels.h"

/* value * 2^n, saturated. */
static int32_t shift_left_saturating(int32_t value, int32_t n)
{
    const int32_t most = INT32_MAX >> n;
    return value > most ? INT32_MAX : value < -most - 1 ? INT32_MIN : value * (1 << n);
}

/* A multiplier and a shift for td_requantize that stand for 1 / sqrt(value); value >= 0, and 0 counts as 1.
 * Five steps of Newton's method x += x / 2 * (1 - a * x^2), from 1, for a = value * 4^n in [1/4, 1). x and a are in Q3.28;
 * products of them are in Q6.25 and Q9.22. */
static int32_t inverse_sqrt(int32_t value, int32_t *shift)
{
    *shift = 0;
    if (value <= 1)
        return INT32_MAX;
    int32_t right = 11;
    for (; value >= 1 << 29; value /= 4)
        right++;
    const int32_t pairs = (td_leading_zeros((uint32_t)value) - 1) / 2 - 1;
    right -= pairs;
    const int32_t a = value * (1 << 2 * pairs) >> 1;
    const int32_t half_a = td_shift_right_rounding(a, 1);
    int32_t x = 1 << 28;
    for (int32_t i = 0; i < 5; i++) {
        const int32_t cube = shift_left_saturating(td_multiply_high(td_multiply_high(x, x), x), 6);
        x = shift_left_saturating(td_multiply_high((1 << 28) + (1 << 27), x) - td_multiply_high(half_a, cube), 3);
    }
    x = td_multiply_high(x, 1518500250); /* 1 / sqrt(2) */
    if (right < 0)
        return (int32_t)((uint32_t)x << (uint32_t)-right);
    *shift = -right;
    return x;
}

void td_l2_normalization_s8(const td_l2_normalization *op, const td_tensor *in, const td_tensor *out, int32_t first,
                            int32_t last)
{
    const int32_t n = in->width * in->channels;

    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        int8_t *y = td_row(out, h);
        for (int32_t start = 0; start < n; start += op->depth, x += op->depth, y += op->depth) {
            int32_t squares = 0;
            for (int32_t i = 0; i < op->depth; i++)
                squares += (x[i] + op->input_offset) * (x[i] + op->input_offset);
            int32_t shift;
            const int32_t multiplier = inverse_sqrt(squares, &shift);
            for (int32_t i = 0; i < op->depth; i++) {
                const int32_t value = td_requantize(x[i] + op->input_offset, multiplier, shift + 7);
                y[i] = (int8_t)td_clamp(value, INT8_MIN, INT8_MAX);
            }
        }
    }
}
