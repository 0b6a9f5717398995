/* SPDX-License-Identifier: 0BSD */
/* Sums of pixels: td_sums.h. Cores with the DSP extension run sums.S. */
#include "td_sums.h"

#if !TD_DSP

void td_sum_octets(const int8_t *x, int32_t pixels, int32_t pitch, int32_t *sums, int32_t channels)
{
    for (int32_t i = 0; i < pixels; i++, x += pitch)
        for (int32_t c = 0; c < channels; c++)
            sums[c] += x[c];
}

#endif
