/* SPDX-License-Identifier: 0BSD */
/* Comparisons: both inputs are brought to a common scale. */
#include "td_binary.h"
#include "td_kernels.h"

/* |value + offset| <= 255, scaled up by 2^8 below 2^16. */
static inline int8_t compare(const void *parameters, int32_t value1, int32_t value2)
{
    const td_compare *op = parameters;
    const int32_t raised1 = (value1 + op->input1_offset) * (1 << op->left_shift);
    const int32_t raised2 = (value2 + op->input2_offset) * (1 << op->left_shift);
    const int32_t scaled1 = td_requantize(raised1, op->input1_multiplier, op->input1_shift);
    const int32_t scaled2 = td_requantize(raised2, op->input2_multiplier, op->input2_shift);
    return scaled1 < scaled2 ? op->smaller : scaled1 > scaled2 ? op->larger : op->equal;
}

void td_compare_s8(const td_compare *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                   int32_t first, int32_t last)
{
    td_apply_binary(compare, op, in1, in2, out, first, last);
}
