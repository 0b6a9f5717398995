/* SPDX-License-Identifier: 0BSD */
/* Sums of pixels, and rounded means: what pools over averages share. */
#ifndef TD_SUMS_H
#define TD_SUMS_H

#include <string.h>

#include "td_core.h"
#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Core loop: adds `pixels` pixels, 1 to 256 of them, `pitch` bytes from one to the next, to one sum per channel.
 * `channels` is a multiple of 8 and not 0. 256 bytes add up to -32768 ... 32512, which fits in an int16. */
void td_sum_octets(const int8_t *x, int32_t pixels, int32_t pitch, int32_t *sums, int32_t channels);

/* Adds any number of pixels, `pitch` bytes from one to the next, to one sum per channel. */
static inline void td_sum_pixels(const int8_t *x, int32_t pixels, int32_t pitch, int32_t *sums, int32_t channels)
{
    const int32_t in_octets = channels & ~7;

    for (int32_t c = in_octets; c < channels; c++)
        for (int32_t i = 0; i < pixels; i++)
            sums[c] += x[c + i * pitch];
    if (in_octets == 0)
        return;
    for (; pixels > 256; pixels -= 256, x += 256 * pitch)
        td_sum_octets(x, 256, pitch, sums, in_octets);
    if (pixels > 0)
        td_sum_octets(x, pixels, pitch, sums, in_octets);
}

/* Adds the rows [first, last) to one sum per channel; row 0 starts afresh. Rows without gaps count as one. */
static inline void td_sum_rows(const td_tensor *in, int32_t first, int32_t last, int32_t *sums)
{
    const int32_t channels = in->channels;

    if (first == 0)
        memset(sums, 0, (size_t)channels * sizeof *sums);
    if (!in->table && in->pitch == in->width * channels) {
        td_sum_pixels(td_row(in, first), (last - first) * in->width, channels, sums, channels);
        return;
    }
    for (int32_t h = first; h < last; h++)
        td_sum_pixels(td_row(in, h), in->width, channels, sums, channels);
}

/* sum / count to the nearest integer, halves away from zero; |sum| <= 128 * count < 2^31 - 2^23. */
static inline int32_t td_divide_rounding(int32_t sum, int32_t count)
{
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

#ifdef __cplusplus
}
#endif

#endif
