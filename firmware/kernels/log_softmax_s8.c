/* SPDX-License-Identifier: 0BSD */
/* Logarithm of the softmax in the fixed-point arithmetic of gemmlowp. */
#include "td_kernels.h"
#include "td_reciprocal.h"

static int32_t find_largest(const int8_t *x, int32_t count)
{
    int32_t largest = INT8_MIN;
    for (int32_t i = 0; i < count; i++)
        if (x[i] > largest)
            largest = x[i];
    return largest;
}

/* In Q12.19. The largest element adds 1, so the sum is in [2^19, 2^31). */
static int32_t sum_exponentials(const td_log_softmax *op, const int8_t *x, int32_t largest)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < op->depth; i++)
        if (largest - x[i] < op->entries)
            sum += td_shift_right_rounding(op->exponentials[largest - x[i]], 12);
    return sum;
}

/* value * 2^n, saturated; n in [0, 31). */
static int32_t shift_left_saturating(int32_t value, int32_t n)
{
    const int64_t shifted = (int64_t)((uint64_t)(int64_t)value << (uint32_t)n);
    return shifted > INT32_MAX ? INT32_MAX : shifted < INT32_MIN ? INT32_MIN : (int32_t)shifted;
}

/* log(x) in Q5.26, for x in [1, 4096) in Q12.19.
 *
 * x = r * 2^k with r in [2^-3/4, 2^-1/4] and k a whole number of halves less or more a quarter, found by two
 * estimates, of x and of x / sqrt(2). log(r) comes from a rational approximation round 2^-1/4. Plain names are in Q0.31,
 * those in _q6 in Q6.25: k is below 13, and neither product exceeds 13 * log(2). */
static int32_t logarithm(int32_t x)
{
    const int32_t log_2 = 1488522236, root_4_half = 1805811301, root_half = 1518500250;
    const int32_t alpha_n = 117049297, alpha_d = 127690142, alpha_i = 1057819769, alpha_f = 638450708;
    const int32_t quarter_q6 = 1 << 23;

    const int32_t zeros_a = td_leading_zeros((uint32_t)x);
    const int32_t r_a = shift_left_saturating(td_multiply_high(shift_left_saturating(x, zeros_a - 1), root_half), 1);
    const int32_t power_a_q6 = (12 - zeros_a) * (1 << 25) + quarter_q6;

    const int32_t headroom_b = td_leading_zeros((uint32_t)td_multiply_high(x, root_half)) - 1;
    const int32_t r_b = shift_left_saturating(x, headroom_b);
    const int32_t power_b_q6 = (12 - headroom_b) * (1 << 25) - quarter_q6;

    const int32_t r = r_a < r_b ? r_a : r_b;
    const int32_t power_q6 = power_a_q6 > power_b_q6 ? power_a_q6 : power_b_q6;

    const int32_t p = (int32_t)(((int64_t)r + root_4_half + 1) / 2); /* the mean, halves up: both are positive */
    const int32_t q = 2 * (r - root_4_half);
    const int32_t square = td_multiply_high(q, q);
    const int32_t numerator = td_multiply_high(q, r) + td_multiply_high(td_multiply_high(q, square), alpha_n);
    const int32_t denominator = td_multiply_high(p, alpha_i + q + td_multiply_high(alpha_d, square)) +
                                td_multiply_high(alpha_f, q);
    const int32_t quotient_q6 =
        td_multiply_high(td_shift_right_rounding(numerator, 6), td_reciprocal_1_plus(denominator));
    return shift_left_saturating(td_multiply_high(power_q6, log_2) + quotient_q6, 1);
}

void td_log_softmax_s8(const td_log_softmax *op, const td_tensor *in, const td_tensor *out, int32_t first,
                       int32_t last)
{
    const int32_t n = in->width * in->channels;

    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        int8_t *y = td_row(out, h);
        for (int32_t start = 0; start < n; start += op->depth, x += op->depth, y += op->depth) {
            const int32_t largest = find_largest(x, op->depth);
            const int32_t log_sum = logarithm(sum_exponentials(op, x, largest));

            /* Differences beyond which the result would leave Q5.26. */
            int32_t limit = td_requantize(log_sum + INT32_MIN, op->reverse_multiplier, op->reverse_shift);
            if (limit < op->diff_min - 1)
                limit = op->diff_min - 1;

            for (int32_t i = 0; i < op->depth; i++) {
                const int32_t difference = x[i] - largest;
                int32_t value = INT8_MIN;
                if (difference > limit) {
                    const int32_t scaled = td_requantize(difference, op->multiplier, op->shift);
                    value = td_shift_right_rounding(scaled - log_sum, 22) + 127;
                }
                y[i] = (int8_t)td_clamp(value, INT8_MIN, INT8_MAX);
            }
        }
    }
}
