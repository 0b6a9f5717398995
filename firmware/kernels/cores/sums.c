/* SPDX-License-Identifier: 0BSD */
/* Sums of pixels: td_sums.h. Cores with the DSP extension run the loop of sums.S. */
#include <string.h>

#include "td_sums.h"

#if !TD_DSP

void td_sum_octets(const int8_t *x, int32_t pixels, int32_t pitch, int32_t *sums, int32_t channels)
{
    for (int32_t i = 0; i < pixels; i++, x += pitch)
        for (int32_t c = 0; c < channels; c++)
            sums[c] += x[c];
}

#endif

void td_sum_pixels(const int8_t *x, int32_t pixels, int32_t pitch, int32_t *sums, int32_t channels)
{
    const int32_t in_octets = channels & ~7;

    for (int32_t c = in_octets; c < channels; c++)
        for (int32_t i = 0; i < pixels; i++)
            sums[c] += x[c + i * pitch];
    if (in_octets == 0)
        return;
    for (int32_t n; pixels > 0; pixels -= n, x += n * pitch) {
        n = pixels < 256 ? pixels : 256;
        td_sum_octets(x, n, pitch, sums, in_octets);
    }
}

void td_sum_rows(const td_tensor *in, int32_t first, int32_t last, int32_t *sums)
{
    const int32_t channels = in->channels;
    const int gapless = !in->table && in->pitch == in->width * channels;
    const int32_t step = gapless ? last - first : 1; /* rows without gaps count as one */

    if (first == 0)
        memset(sums, 0, (size_t)channels * sizeof *sums);
    for (int32_t h = first; h < last; h += step)
        td_sum_pixels(td_row(in, h), step * in->width, channels, sums, channels);
}
