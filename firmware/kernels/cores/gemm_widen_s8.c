/* SPDX-License-Identifier: 0BSD */
/* Widening of pixels and weights for matrix products, in C; td_gemm.h states the contract. */
#include "td_gemm.h"

#include "td_core.h"

#if !TD_DSP

/* The halves of a word as they lie in memory on a little-endian core, for any byte order. */
static uint32_t pack(int32_t low, int32_t high)
{
    return (uint32_t)(low & 0xFFFF) | (uint32_t)high << 16;
}

/* `step`: words from one pair of taps to the next. */
static void widen_pairs(char *to, const int8_t *from, int32_t taps, int32_t pairs, const td_widen_layout *layout,
                        int32_t step)
{
    for (; pairs > 0; pairs--, to += layout->to_pitch, from += layout->pair_pitch) {
        uint32_t *word = (void *)to;
        const int8_t *y = from + layout->pixel_pitch;
        for (int32_t k = 0; k < taps; k += 4)
            for (int32_t i = k; i < k + 2; i++, word += step) {
                word[0] = pack(2 * (from[i] + 128), 2 * (from[i + 2] + 128));
                word[1] = pack(2 * (y[i] + 128), 2 * (y[i + 2] + 128));
            }
    }
}

void td_widen_pixels(void *to, const int8_t *from, int32_t taps, int32_t pairs, const td_widen_layout *layout)
{
    widen_pairs(to, from, taps, pairs, layout, 2);
}

void td_widen_pixels_apart(void *to, const int8_t *from, int32_t taps, int32_t pairs, const td_widen_layout *layout)
{
    widen_pairs(to, from, taps, pairs, layout, 4);
}

void td_widen_3x3x3(void *to, const int8_t *const rows[3], int32_t pairs, int32_t pixel_pitch)
{
    int8_t taps[2][28] = {{0}, {0}};
    const td_widen_layout layout = {28, 0, 0};
    for (int32_t pair = 0; pair < pairs; pair++) {
        for (int32_t p = 0; p < 2; p++)
            for (int32_t i = 0; i < 3; i++) {
                const int8_t *x = rows[i] + (2 * pair + p) * pixel_pitch;
                for (int32_t k = 0; k < 8; k++)
                    taps[p][8 * i + k] = x[k];
                taps[p][24 + i] = x[8];
            }
        td_widen_pixels((char *)to + pair * 4 * 28, taps[0], 28, 1, &layout);
    }
}

static void widen_weights(uint32_t *word, const int8_t *from, const int8_t *end, int32_t channels)
{
    for (; from < end; from += 4 * channels)
        for (int32_t i = 0; i < 2; i++)
            for (int32_t c = 0; c < channels; c++)
                *word++ = pack(from[4 * c + i], from[4 * c + i + 2]);
}

void td_widen_weights(void *to, const int8_t *from, const int8_t *end)
{
    widen_weights(to, from, end, 4);
}

void td_widen_weights_of_two(void *to, const int8_t *from, const int8_t *end)
{
    widen_weights(to, from, end, 2);
}

#else
typedef int td_assembly_is_used; /* a translation unit is never empty */
#endif
