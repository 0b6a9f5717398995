/* SPDX-License-Identifier: 0BSD */
/* Addition and subtraction of int16: both inputs are brought to a common scale, then the sum to the output's. */
#include "td_binary.h"
#include "td_kernels.h"

/* value / 2^right to the nearest integer, halves away from zero, for |value| < 2^30 and right in [0, 31]: of twice the
 * value by one bit more, so that no bit is a case of its own. */
static inline int32_t shift_right(int32_t value, int32_t right)
{
    const int32_t v = 2 * value + (value >> 31);
    const int32_t twice = v >> right;
    return (twice >> 1) + (twice & 1);
}

/* td_requantize(value2 * 2^15, ...) multiplies and rounds to (value2 * 2^15 * multiplier + 2^30) >> 31, which is
 * (value2 * multiplier + 2^15) >> 16; with the shift to the right that is at most 2^29, as is value1 * 2^14. Their sum times
 * a multiplier below 1 is below 2^30. */
static inline int16_t add(const void *parameters, int32_t value1, int32_t value2)
{
    const td_add_wide *op = parameters;
    const int32_t high2 = (int32_t)(((int64_t)value2 * op->multiplier2 + (1 << 15)) >> 16);
    const int32_t sum = op->factor1 * value1 + op->sign2 * shift_right(high2, op->right2);
    const int32_t value = shift_right(td_multiply_high(sum, op->output_multiplier), op->output_right);
    return (int16_t)td_clamp(value, op->low, op->high);
}

void td_add_s16(const td_add_wide *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
                int32_t last)
{
    td_apply_wide_binary(add, op, in1, in2, out, first, last);
}
