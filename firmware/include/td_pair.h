/* SPDX-License-Identifier: 0BSD */
/* Core loops of convolutions with little scratch: int8 weights, widened on the way, by the taps of two pixels, which are
 * as they are (narrow) or were widened beforehand (wide). Written twice, in assembly and in C: see td_core.h. */
#ifndef TD_PAIR_H
#define TD_PAIR_H

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Channels of two pixels, x and y, two channels at a time. */
typedef struct {
    const int8_t *taps; /* aligned to 4; narrow: for each 4 taps k0 to k3 those of x, those of y; wide: words of int16,
                         * (x k0k2), (y k0k2), (x k1k3), (y k1k3) with k0 and k1 in the low halves */
    const int8_t *taps_end;
    const int8_t *weights; /* for each 4 taps of channels a and b: a0 b0 a2 b2 a1 b1 a3 b3; aligned to 4 */
    const td_channel *channels; /* with biases in which the input's zero point is folded, shifts in [-31, -1] */
    const td_channel *channels_end; /* an even number of them, not 0 */
    int8_t *x; /* where the first channel goes */
    int8_t *y;
    int32_t rounding; /* 2 * zero point of the output + 1 */
    td_highs highs;   /* of the first channel on */
} td_pair;

/* Bounds are those of int8. Twice a sum fits in an int32, and no step of td_gemm_scale's requantization overflows. */
void td_pair_narrow(const td_pair *pair);
void td_pair_wide(const td_pair *pair);

/* Bounds are those of `channels` and `highs`. */
void td_pair_narrow_clamped(const td_pair *pair);
void td_pair_wide_clamped(const td_pair *pair);

/* Makes wide taps of the narrow ones from `from` to `end`, at least 8 bytes. `to` may be end - from bytes below `from`. */
void td_pair_widen(int8_t *to, const int8_t *from, const int8_t *end);

#ifdef __cplusplus
}
#endif

#endif
