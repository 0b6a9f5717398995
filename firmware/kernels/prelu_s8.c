/* SPDX-License-Identifier: 0BSD */
/* A slope of its own for negative values of every channel. */
#include "td_binary.h"
#include "td_kernels.h"

/* |value + offset| <= 255: the product is below 2^16. */
static inline int8_t slope(const void *parameters, int32_t value, int32_t alpha)
{
    const td_prelu *op = parameters;
    const int32_t x = value + op->input_offset;
    const int32_t y = x >= 0 ? td_requantize(x, op->multiplier, op->shift)
                             : td_requantize(x * (alpha + op->slope_offset), op->slope_multiplier, op->slope_shift);
    return (int8_t)td_clamp(td_add_wrapping(y, op->output_offset), INT8_MIN, INT8_MAX);
}

void td_prelu_s8(const td_prelu *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
                 int32_t last)
{
    td_apply_binary(slope, op, in1, in2, out, first, last);
}
