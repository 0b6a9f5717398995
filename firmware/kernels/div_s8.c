/* SPDX-License-Identifier: 0BSD */
/* Division, by the reciprocal of the divisor in the fixed-point arithmetic of gemmlowp. */
#include "td_binary.h"
#include "td_kernels.h"
#include "td_reciprocal.h"

/* |value + offset| <= 255. The divisor is brought to [2^31, 2^32), the dividend to an int32 whose first two bits differ.
 * With an output_shift of 7 to 22 the last shift is to the right, by 1 to 31. */
static inline int8_t divide(const void *parameters, int32_t value1, int32_t value2)
{
    const td_mul *op = parameters;
    const int32_t signed_divisor = value2 + op->input2_offset;
    const int32_t n = signed_divisor < 0 ? -(value1 + op->input1_offset) : value1 + op->input1_offset;
    const uint32_t divisor = (uint32_t)(signed_divisor < 0 ? -signed_divisor : signed_divisor);
    const uint32_t d = divisor == 0 ? 1 : divisor;
    const int32_t zeros = td_leading_zeros(d);
    const int32_t inverse = td_reciprocal_1_plus((int32_t)((d << zeros) & INT32_MAX));
    const uint32_t magnitude = (uint32_t)(n < 0 ? ~n : n);
    const int32_t headroom = magnitude == 0 ? 31 : td_leading_zeros(magnitude) - 1;
    const int32_t quotient = td_multiply_high((int32_t)((uint32_t)n << headroom), inverse);
    const int32_t right = headroom + 31 - zeros - op->output_shift;
    const int32_t value = td_shift_right_rounding(td_multiply_high(quotient, op->output_multiplier), right);
    return (int8_t)td_clamp(value + op->output_offset, op->low, op->high);
}

void td_div_s8(const td_mul *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
               int32_t last)
{
    td_apply_binary(divide, op, in1, in2, out, first, last);
}
