/* SPDX-License-Identifier: 0BSD */
/* The smaller of two int16. */
#include "td_binary.h"
#include "td_kernels.h"

static inline int16_t choose(const void *parameters, int32_t value1, int32_t value2)
{
    (void)parameters;
    return (int16_t)(value1 < value2 ? value1 : value2);
}

void td_minimum_s16(const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first, int32_t last)
{
    td_apply_wide_binary(choose, 0, in1, in2, out, first, last);
}
