/* SPDX-License-Identifier: 0BSD */
/* Comparing bytes: td_bound.h. Cores with the DSP extension run bound.S. */
#include "td_bound.h"

#if !TD_DSP

void td_larger(const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        y[i] = x1[i] > x2[i] ? x1[i] : x2[i];
}

void td_smaller(const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        y[i] = x1[i] < x2[i] ? x1[i] : x2[i];
}

void td_bound(int8_t *y, int32_t count, int32_t low, int32_t high)
{
    for (int32_t i = 0; i < count; i++)
        y[i] = (int8_t)(y[i] < low ? low : y[i] > high ? high : y[i]);
}

#endif
