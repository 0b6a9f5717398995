/* SPDX-License-Identifier: 0BSD */
/* Core loops of matrix products: int8 weights by int8 activations, both widened to pairs of int16 beforehand, for 4
 * output channels of 2 pixels at a time. Each is written twice, in assembly and in C: see td_core.h.
 *
 * Widened activations are unsigned and doubled, 2 * (x + 128) in [0, 510]; the doubling spares the requantization a
 * shift. Sums are doubled, too. Of 4 neighbouring taps k0 to k3 the first pair is (k0, k2), the second (k1, k3), k0 and
 * k1 in the low halves: so fall the bytes of a word when it is split by a mask. */
#ifndef TD_GEMM_H
#define TD_GEMM_H

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Widens pixels in pairs: for each 4 taps, words (x k0k2), (y k0k2), (x k1k3), (y k1k3) for pixels x and y.
 * `to`: aligned to 4. `from`: any alignment, the first pixel; pixel i is at from + i * pixel_pitch.
 * `taps`: bytes of a pixel, a multiple of 4, at least 4. `pairs`: at least 1.
 * `pair_pitch`: bytes from one pair to the next at `to`, at least 4 * taps. */
void td_widen_pixels(void *to, const int8_t *from, int32_t taps, int32_t pairs, int32_t pixel_pitch,
                     int32_t pair_pitch);

/* Widens pixels of 27 taps in pairs: 9 neighbouring bytes of each of three rows, as pixels of depth 28 in the order row
 * 0 [0, 8), row 1 [0, 8), row 2 [0, 8), row 0 [8], row 1 [8], row 2 [8], and one that is any value. `pixel_pitch`: bytes
 * from pixel to pixel in each row. */
void td_widen_3x3x3(void *to, const int8_t *const rows[3], int32_t pairs, int32_t pixel_pitch);

/* Widens the weights of 4 channels: for each 4 taps, from the bytes of channel 0, 1, 2, 3 (a word each, so 16 bytes,
 * aligned to 4) the words (k0k2) of the 4 channels and then their words (k1k3). `from` to `end`, at least once. */
void td_widen_weights(void *to, const int8_t *from, const int8_t *end);

/* One requantization, exact to the reference's double rounding:
 * (round_half_up(sum * multiplier / 2^32) + addend - (sum < 0)) >> shift, with
 * addend = 2^(shift - 1) + (offset << shift), shift in [1, 31], multiplier in [0, 2^31). No step may overflow. */
typedef struct {
    int32_t multiplier;
    int32_t addend;
    int32_t shift;
} td_gemm_scale;

/* One block: 4 output channels of `out_end - out` pixels. */
typedef struct {
    const void *pixels;      /* widened, pair behind pair */
    const void *weights;     /* widened, aligned to 4; 16 bytes per pair of taps */
    const void *weights_end; /* up to 16 bytes behind it, and behind the last pixel, are read and not used */
    int8_t *out;             /* channel 0 of the first pixel; 4 bytes are written for each pixel */
    int32_t pitch;           /* bytes from pixel to pixel */
    int8_t *out_end;         /* out + pairs * 2 * pitch */
    int32_t bias[4];         /* doubled */
    td_gemm_scale scales[4];
    uint32_t lift; /* per channel a byte, see td_gemm_clamped */
    uint32_t drop;
} td_gemm_block;

/* The number of weights per channel is a multiple of 4. One loop form fetches pairs of words (fewest instructions), the
 * other single words between multiplications (fewest cycles where a core issues two instructions at a time). */

/* Results saturated to int8. */
void td_gemm_paired(const td_gemm_block *block);
void td_gemm_single(const td_gemm_block *block);

/* Results saturated to [0, 255], then raised by `lift` with saturation at 255, then lowered to the wanted range by
 * adding `drop` modulo 256: any bounds low <= high with offset = zero point - low, lift = 255 - (high - low),
 * drop = low - lift. */
void td_gemm_paired_clamped(const td_gemm_block *block);
void td_gemm_single_clamped(const td_gemm_block *block);

/* The sums themselves: `out` points to int32_t [pairs][2 pixels][4 channels], out_end behind them; pitch, scales, lift
 * and drop are ignored. */
void td_gemm_paired_sums(const td_gemm_block *block);

#ifdef __cplusplus
}
#endif

#endif
