/* SPDX-License-Identifier: 0BSD */
/* Sums of pixels, and rounded means: what pools over averages share. */
#ifndef TD_SUMS_H
#define TD_SUMS_H

#include "td_core.h"
#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Core loop: adds `pixels` pixels, 1 to 256 of them, `pitch` bytes from one to the next, to one sum per channel.
 * `channels` is a multiple of 8 and not 0. 256 bytes add up to -32768 ... 32512, which fits in an int16. */
void td_sum_octets(const int8_t *x, int32_t pixels, int32_t pitch, int32_t *sums, int32_t channels);

/* Adds any number of pixels of any number of channels, `pitch` bytes from one pixel to the next. */
void td_sum_pixels(const int8_t *x, int32_t pixels, int32_t pitch, int32_t *sums, int32_t channels);

/* Adds the rows [first, last) to one sum per channel; row 0 starts afresh. */
void td_sum_rows(const td_tensor *in, int32_t first, int32_t last, int32_t *sums);

/* sum / count to the nearest integer, halves away from zero; |sum| <= 128 * count < 2^31 - 2^23. */
static inline int32_t td_divide_rounding(int32_t sum, int32_t count)
{
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

#ifdef __cplusplus
}
#endif

#endif
