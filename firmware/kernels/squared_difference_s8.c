/* SPDX-License-Identifier: 0BSD */
/* The square of a difference: both inputs are brought to a common scale, then the square to the output's. */
#include "td_binary.h"
#include "td_kernels.h"

/* |value + offset| <= 255, scaled up by 2^7 below 2^15, multiplied by at most 1/2: the difference is below 2^15, its
 * square below 2^30. */
static inline int8_t square(const void *parameters, int32_t value1, int32_t value2)
{
    const td_add *op = parameters;
    const int32_t raised1 = (value1 + op->input1_offset) * (1 << op->left_shift);
    const int32_t raised2 = (value2 + op->input2_offset) * (1 << op->left_shift);
    const int32_t scaled1 = td_requantize(raised1, op->input1_multiplier, op->input1_shift);
    const int32_t scaled2 = td_requantize(raised2, op->input2_multiplier, op->input2_shift);
    const int32_t difference = scaled1 - scaled2;
    const int32_t value = td_requantize(difference * difference, op->output_multiplier, op->output_shift);
    return (int8_t)td_clamp(td_add_wrapping(value, op->output_offset), op->low, op->high);
}

void td_squared_difference_s8(const td_add *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                              int32_t first, int32_t last)
{
    td_apply_binary(square, op, in1, in2, out, first, last);
}
