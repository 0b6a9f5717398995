/* SPDX-License-Identifier: 0BSD */
/* Core loops of ADD and SUB: element by element
 *
 *     y = clamp(floor((floor(factor1 * x1 / 2^8) + floor(factor2 * x2 / 2^8) + addend) / 2^shift), -128, 127)
 *
 * The generator chooses factors, addend and shift so that y equals the reference's output for every pair of bytes, and
 * tries all 65536 of them (tinydeploy/plan/linear_sum.py); it also sees to it that the sums fit in an int32. */
#ifndef TD_LINEAR_SUM_H
#define TD_LINEAR_SUM_H

#include "td_core.h"

#ifndef __ASSEMBLER__

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t factor1;
    int32_t factor2;
    int32_t addend;
} td_linear_sum;

/* `count` elements, a multiple of 8 and not 0. `y` may be x1 or x2. One function for each shift. */
void td_linear_sum_18(const td_linear_sum *sum, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count);
void td_linear_sum_20(const td_linear_sum *sum, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count);
void td_linear_sum_22(const td_linear_sum *sum, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count);

/* One element. |factor * x| < 2^31 * 2^7, so each quotient fits in an int32. */
static inline int8_t td_linear_sum_element(const td_linear_sum *sum, int32_t x1, int32_t x2, int32_t shift)
{
    const int32_t term1 = (int32_t)(((int64_t)sum->factor1 * x1) >> 8);
    const int32_t term2 = (int32_t)(((int64_t)sum->factor2 * x2) >> 8);
    const int32_t total = (int32_t)((uint32_t)term1 + (uint32_t)term2 + (uint32_t)sum->addend);
    const int32_t value = total >> shift;
    return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

#ifdef __cplusplus
}
#endif

#endif

#endif
