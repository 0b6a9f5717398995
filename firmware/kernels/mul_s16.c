/* SPDX-License-Identifier: 0BSD */
/* Multiplication of int16. */
#include "td_binary.h"
#include "td_kernels.h"

static inline int16_t multiply(const void *parameters, int32_t value1, int32_t value2)
{
    const td_mul_wide *op = parameters;
    const int32_t value = td_requantize(value1 * value2, op->multiplier, op->shift);
    return (int16_t)td_clamp(value, op->low, op->high);
}

void td_mul_s16(const td_mul_wide *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
                int32_t last)
{
    td_apply_wide_binary(multiply, op, in1, in2, out, first, last);
}
