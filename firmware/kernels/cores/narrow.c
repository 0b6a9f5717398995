/* SPDX-License-Identifier: 0BSD */
/* Products of narrow taps and weights in C; td_narrow.h states the contract. */
#include "td_narrow.h"

#include "td_core.h"

#if !TD_DSP

#include "td_fixed.h"

static int32_t multiply(const int8_t *taps, const int8_t *end, const int8_t *weights)
{
    static const int32_t order[4] = {0, 4, 2, 6}; /* of a channel's weights among eight */
    int32_t sum = 0;
    for (; taps < end; taps += 8, weights += 8)
        for (int32_t k = 0; k < 4; k++)
            sum += taps[k] * weights[order[k]];
    return sum;
}

static void make_pair(const td_narrow_pair *pair, int32_t clamped)
{
    const int32_t channels = (int32_t)(pair->channels_end - pair->channels);
    const int32_t depth = (int32_t)(pair->taps_end - pair->taps) / 2;
    const int32_t offset = pair->rounding >> 1;
    for (int32_t c = 0; c < channels; c++) {
        const int8_t *weights = pair->weights + (c & ~1) * depth + (c & 1);
        td_channel channel = pair->channels[c];
        const int32_t high = clamped ? pair->highs.bounds[c * pair->highs.step] : INT8_MAX;
        if (!clamped)
            channel.low = INT8_MIN;
        pair->x[c] = td_finish_channel(multiply(pair->taps, pair->taps_end, weights), &channel, high, offset);
        pair->y[c] = td_finish_channel(multiply(pair->taps + 4, pair->taps_end + 4, weights), &channel, high, offset);
    }
}

void td_narrow(const td_narrow_pair *pair)
{
    make_pair(pair, 0);
}

void td_narrow_clamped(const td_narrow_pair *pair)
{
    make_pair(pair, 1);
}

#else
typedef int td_assembly_is_used; /* a translation unit is never empty */
#endif
