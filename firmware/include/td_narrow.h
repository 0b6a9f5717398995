/* SPDX-License-Identifier: 0BSD */
/* Core loop of convolutions with next to no scratch: int8 weights by int8 taps, both widened on the way. Written twice,
 * in assembly and in C: see td_core.h. */
#ifndef TD_NARROW_H
#define TD_NARROW_H

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Channels of two pixels, x and y, two channels at a time. */
typedef struct {
    const int8_t *taps; /* for each 4 taps those of x and those of y; aligned to 4 */
    const int8_t *taps_end;
    const int8_t *weights; /* for each 4 taps of channels a and b: a0 b0 a2 b2 a1 b1 a3 b3; aligned to 4 */
    const td_channel *channels; /* with biases in which the input's zero point is folded, shifts in [-31, -1] */
    const td_channel *channels_end; /* an even number of them, not 0 */
    int8_t *x; /* where the first channel goes */
    int8_t *y;
    int32_t rounding; /* 2 * zero point of the output + 1 */
    td_highs highs;   /* of the first channel on */
} td_narrow_pair;

/* Bounds are those of int8. Twice a sum fits in an int32, and no step of td_gemm_scale's requantization overflows. */
void td_narrow(const td_narrow_pair *pair);

/* Bounds are those of `channels` and `highs`. */
void td_narrow_clamped(const td_narrow_pair *pair);

#ifdef __cplusplus
}
#endif

#endif
