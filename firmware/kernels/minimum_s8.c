/* SPDX-License-Identifier: 0BSD */
/* The smaller of two elements. */
#include "td_binary.h"
#include "td_bound.h"
#include "td_kernels.h"

static inline int8_t choose(const void *parameters, int32_t value1, int32_t value2)
{
    (void)parameters;
    return (int8_t)(value1 < value2 ? value1 : value2);
}

void td_minimum_s8(const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t run = td_common_run(in1, in2, out);

    if (run == 0)
        td_apply_binary(choose, 0, in1, in2, out, first, last);
    else
        td_apply_runs(td_smaller, run, in1, in2, out, first, last);
}
