/* SPDX-License-Identifier: 0BSD */
/* ADD and SUB: td_linear_sum.h. Cores with the DSP extension run linear_sum.S. */
#include "td_linear_sum.h"

#if !TD_DSP

static inline void add_elements(const td_linear_sum *sum, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count,
                                int32_t shift)
{
    for (int32_t i = 0; i < count; i++)
        y[i] = td_linear_sum_element(sum, x1[i], x2[i], shift);
}

void td_linear_sum_18(const td_linear_sum *sum, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count)
{
    add_elements(sum, x1, x2, y, count, 18);
}

void td_linear_sum_20(const td_linear_sum *sum, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count)
{
    add_elements(sum, x1, x2, y, count, 20);
}

void td_linear_sum_22(const td_linear_sum *sum, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count)
{
    add_elements(sum, x1, x2, y, count, 22);
}

#endif
