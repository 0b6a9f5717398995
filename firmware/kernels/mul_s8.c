/* SPDX-License-Identifier: 0BSD */
/* Multiplication. */
#include "td_binary.h"
#include "td_kernels.h"

/* |value + offset| <= 255: the product is below 2^16. */
static inline int8_t multiply(const void *parameters, int32_t value1, int32_t value2)
{
    const td_mul *op = parameters;
    const int32_t product = (value1 + op->input1_offset) * (value2 + op->input2_offset);
    const int32_t value = td_requantize(product, op->output_multiplier, op->output_shift);
    return (int8_t)td_clamp(td_add_wrapping(value, op->output_offset), op->low, op->high);
}

void td_mul_s8(const td_mul *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
               int32_t last)
{
    td_apply_binary(multiply, op, in1, in2, out, first, last);
}
