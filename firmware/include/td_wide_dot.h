/* SPDX-License-Identifier: 0BSD */
/* Dot products of int16 inputs with int8 weights, in 64 bits: two output channels at a time, so that each input is fetched
 * once for two products. */
#ifndef TD_WIDE_DOT_H
#define TD_WIDE_DOT_H

#include <string.h>

#include "td_core.h"
#include "td_types.h"

#if TD_DSP
#include <arm_acle.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* sum + the products of 4 weights, in the order 0 2 1 3, with x[0] to x[3]: as two pairs of halfwords on cores with the DSP
 * extension, for which that order makes pairs of neighbours. */
static inline int64_t td_wide_four(const int16_t *x, const int8_t *w, int64_t sum)
{
#if TD_DSP
    uint32_t weights, low, high;
    memcpy(&weights, w, 4);
    memcpy(&low, x, 4);
    memcpy(&high, x + 2, 4);
    sum = __smlald((int16x2_t)low, __sxtb16((int8x4_t)weights), sum);
    return __smlald((int16x2_t)high, __sxtb16((int8x4_t)(weights >> 8 | weights << 24)), sum);
#else
    return sum + (int64_t)(x[0] * w[0] + x[1] * w[2]) + (int64_t)(x[2] * w[1] + x[3] * w[3]);
#endif
}

/* Where weight `k` of a row lies, of which the first `whole` are in groups of 4 in the order 0 2 1 3. */
static inline int32_t td_wide_place(int32_t k, int32_t whole)
{
    return k < whole && ((k ^ (k >> 1)) & 1) ? k ^ 3 : k;
}

/* sums[i] += sum of weight k of rows i * pitch * x[k - first] over k in [first, last), for i in [0, 2). Rows have `size`
 * weights, all whole groups of 4 of them in the order 0 2 1 3. */
TD_NOINLINE static void td_wide_dot_2(const int16_t *x, const int8_t *row, int32_t pitch, int32_t size, int32_t first,
                                      int32_t last, int64_t sums[2])
{
    const int32_t whole = size & ~3;
    int64_t s0 = sums[0], s1 = sums[1];
    int32_t k = first;
    for (; k < last && (k & 3); k++) {
        const int8_t *w = row + td_wide_place(k, whole);
        const int32_t value = *x++;
        s0 += w[0] * value;
        s1 += w[pitch] * value;
    }
    for (; k + 4 <= last; k += 4, x += 4) {
        s0 = td_wide_four(x, row + k, s0);
        s1 = td_wide_four(x, row + pitch + k, s1);
    }
    for (; k < last; k++) {
        const int8_t *w = row + td_wide_place(k, whole);
        const int32_t value = *x++;
        s0 += w[0] * value;
        s1 += w[pitch] * value;
    }
    sums[0] = s0;
    sums[1] = s1;
}

#ifdef __cplusplus
}
#endif

#endif
