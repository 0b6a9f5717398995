/* SPDX-License-Identifier: 0BSD */
/* What SOFTMAX and LOG_SOFTMAX share: a reciprocal in the fixed-point arithmetic of gemmlowp. */
#ifndef TD_RECIPROCAL_H
#define TD_RECIPROCAL_H

#include "td_fixed.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 1 / (1 + x) in Q0.31, for x in [0, 1) in Q0.31: three steps of Newton's method for 1/d, d = (1 + x) / 2 in [1/2, 1],
 * from the estimate 48/17 - 32/17 * d, which is off by at most a part in 17. Names in _q2 are in Q2.29.
 * Estimates are in (0, 2.9), errors 1 - d * estimate within 1/17: nothing leaves the ranges of its format, and a
 * correction, below 2.9/17, can be raised from Q4.27 to Q2.29. The result, half of 1/d, saturates where it is 1. */
static inline int32_t td_reciprocal_1_plus(int32_t x)
{
    const int32_t d = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2); /* the mean of x and 1, halves up */
    int32_t estimate_q2 = 1515870810 + td_multiply_high(d, -1010580540);
    for (int32_t i = 0; i < 3; i++) {
        const int32_t error_q2 = (1 << 29) - td_multiply_high(d, estimate_q2);
        estimate_q2 += 4 * td_multiply_high(estimate_q2, error_q2);
    }
    return estimate_q2 >= 1 << 30 ? INT32_MAX : 2 * estimate_q2;
}

#ifdef __cplusplus
}
#endif

#endif
