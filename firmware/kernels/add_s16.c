/* SPDX-License-Identifier: 0BSD */
/* Addition and subtraction of int16: both inputs are brought to a common scale, then the sum to the output's. */
#include "td_binary.h"
#include "td_kernels.h"

/* |value| <= 2^15, scaled up to at most 2^30, multiplied by at most 1/2: the sum is at most 2^30. */
static inline int16_t add(const void *parameters, int32_t value1, int32_t value2)
{
    const td_add_wide *op = parameters;
    const int32_t scaled1 = op->sign1 * td_requantize(value1 * (1 << 15), op->multiplier1, op->shift1);
    const int32_t scaled2 = op->sign2 * td_requantize(value2 * (1 << 15), op->multiplier2, op->shift2);
    const int32_t value = td_requantize(scaled1 + scaled2, op->output_multiplier, op->output_shift);
    return (int16_t)td_clamp(value, op->low, op->high);
}

void td_add_s16(const td_add_wide *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
                int32_t last)
{
    td_apply_wide_binary(add, op, in1, in2, out, first, last);
}
