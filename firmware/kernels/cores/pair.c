/* SPDX-License-Identifier: 0BSD */
/* Taps of two pixels times weights in C; td_pair.h states the contract. */
#include "td_pair.h"

#include "td_core.h"

#if !TD_DSP

#include <string.h>

#include "td_fixed.h"

/* The sum of pixel 0 or 1. */
static int32_t multiply(const td_pair *pair, int32_t wide, int32_t pixel, const int8_t *weights)
{
    static const int32_t weight_of[4] = {0, 4, 2, 6}; /* where tap k has its weight among eight */
    static const int32_t half_of[4] = {0, 4, 1, 5};   /* and where it is among eight halves */
    const int8_t *taps = pair->taps;
    int32_t sum = 0;
    for (; taps < pair->taps_end; taps += wide ? 16 : 8, weights += 8)
        for (int32_t k = 0; k < 4; k++) {
            int16_t tap = taps[4 * pixel + k];
            if (wide)
                memcpy(&tap, taps + 2 * (half_of[k] + 2 * pixel), 2);
            sum += tap * weights[weight_of[k]];
        }
    return sum;
}

static void make_pair(const td_pair *pair, int32_t wide, int32_t clamped)
{
    const int32_t channels = (int32_t)(pair->channels_end - pair->channels);
    const int32_t depth = (int32_t)(pair->taps_end - pair->taps) / (wide ? 4 : 2);
    const int32_t offset = pair->rounding >> 1;
    for (int32_t c = 0; c < channels; c++) {
        const int8_t *weights = pair->weights + (c & ~1) * depth + (c & 1);
        td_channel channel = pair->channels[c];
        const int32_t high = clamped ? pair->highs.bounds[c * pair->highs.step] : INT8_MAX;
        if (!clamped)
            channel.low = INT8_MIN;
        pair->x[c] = td_finish_channel(multiply(pair, wide, 0, weights), &channel, high, offset);
        pair->y[c] = td_finish_channel(multiply(pair, wide, 1, weights), &channel, high, offset);
    }
}

void td_pair_narrow(const td_pair *pair)
{
    make_pair(pair, 0, 0);
}

void td_pair_wide(const td_pair *pair)
{
    make_pair(pair, 1, 0);
}

void td_pair_narrow_clamped(const td_pair *pair)
{
    make_pair(pair, 0, 1);
}

void td_pair_wide_clamped(const td_pair *pair)
{
    make_pair(pair, 1, 1);
}

void td_pair_widen(int8_t *to, const int8_t *from, const int8_t *end)
{
    for (; from < end; from += 8, to += 16) {
        const int16_t halves[8] = {from[0], from[2], from[4], from[6], from[1], from[3], from[5], from[7]};
        memcpy(to, halves, 16);
    }
}

#else
typedef int td_assembly_is_used; /* a translation unit is never empty */
#endif
