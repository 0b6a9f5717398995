/* SPDX-License-Identifier: 0BSD */
/* Dot products of input bytes with weights: four output channels at a time, so that each input byte is fetched once for
 * four products, and one at a time for what is left. */
#ifndef TD_DOT_H
#define TD_DOT_H

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* sums[i] += sum of weights[i * pitch + k] * (x[k] + offset) over k in [0, n), for i in [0, 4). */
TD_NOINLINE static void td_dot_4(const int8_t *x, int32_t offset, const int8_t *weights, int32_t pitch, int32_t n,
                                 int32_t sums[4])
{
    const int8_t *w0 = weights;
    const int8_t *w1 = w0 + pitch;
    const int8_t *w2 = w1 + pitch;
    const int8_t *w3 = w2 + pitch;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (int32_t k = 0; k < n; k++) {
        const int32_t value = x[k] + offset;
        s0 += w0[k] * value;
        s1 += w1[k] * value;
        s2 += w2[k] * value;
        s3 += w3[k] * value;
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* sum of weights[k] * (x[k] + offset) over k in [0, n). */
TD_NOINLINE static int32_t td_dot_1(const int8_t *x, int32_t offset, const int8_t *weights, int32_t n)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < n; k++)
        sum += weights[k] * (x[k] + offset);
    return sum;
}

#ifdef __cplusplus
}
#endif

#endif
