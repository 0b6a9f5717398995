/* SPDX-License-Identifier: 0BSD */
/* Core loops of matrix products: int8 weights by int8 activations. Activations are widened to pairs of int16 beforehand.
 * Weights are, too, for all loops but one, which widens them as it goes. Each is written twice, in assembly and in C:
 * see td_core.h.
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

/* Where td_widen_pixels takes and puts pixels: in bytes, from pixel x of a pair to its pixel y, from a pair to the next
 * one, and from a widened pair to the next one. */
typedef struct {
    int32_t pixel_pitch;
    int32_t pair_pitch;
    int32_t to_pitch;
} td_widen_layout;

/* Widens pixels in pairs: for each 4 taps, words (x k0k2), (y k0k2), (x k1k3), (y k1k3) for pixels x and y.
 * `to`: aligned to 4. `from`: any alignment, pixel x of the first pair.
 * `taps`: bytes of a pixel, a multiple of 4, at least 4. `pairs`: at least 1. */
void td_widen_pixels(void *to, const int8_t *from, int32_t taps, int32_t pairs, const td_widen_layout *layout);

/* The same for groups of 4 pixels, of which this makes the first or the second two: for each 4 taps, words (x k0k2),
 * (y k0k2), two words left alone, (x k1k3), (y k1k3), two words left alone. */
void td_widen_pixels_apart(void *to, const int8_t *from, int32_t taps, int32_t pairs, const td_widen_layout *layout);

/* Widens pixels of 27 taps in pairs: 9 neighbouring bytes of each of three rows, as pixels of depth 28 in the order row
 * 0 [0, 8), row 1 [0, 8), row 2 [0, 8), row 0 [8], row 1 [8], row 2 [8], and one that is any value. `pixel_pitch`: bytes
 * from pixel to pixel in each row. */
void td_widen_3x3x3(void *to, const int8_t *const rows[3], int32_t pairs, int32_t pixel_pitch);

/* Widens the weights of 4 channels: for each 4 taps, from the bytes of channel 0, 1, 2, 3 (a word each, so 16 bytes,
 * aligned to 4) the words (k0k2) of the 4 channels and then their words (k1k3). `from` to `end`, at least once. */
void td_widen_weights(void *to, const int8_t *from, const int8_t *end);

/* The same for 2 channels: 8 bytes and 4 words for each 4 taps. If their number is odd, 8 bytes more are read and 16 more
 * written. */
void td_widen_weights_of_two(void *to, const int8_t *from, const int8_t *end);

/* One requantization, exact to the reference's double rounding:
 * (round_half_up(sum * multiplier / 2^32) + addend - (sum < 0)) >> shift, with
 * addend = 2^(shift - 1) + (offset << shift), shift in [1, 31], multiplier in [0, 2^31). No step may overflow. */
typedef struct {
    int32_t multiplier;
    int32_t addend;
    int32_t shift;
} td_gemm_scale;

/* One block of 4 or 2 output channels. A group of pixels is 2 or 4, as `out_end` says. */
typedef struct {
    const void *pixels;      /* widened, group behind group */
    const void *weights;     /* aligned to 4 */
    const void *weights_end; /* up to 16 bytes behind it, and behind the last pixel, are read and not used */
    int8_t *out;             /* channel 0 of the first pixel; a byte for each channel of a pixel is written */
    int32_t pitch;           /* bytes from pixel to pixel */
    int8_t *out_end;         /* out + groups * 2 (or 4) * pitch */
    int32_t bias[4];         /* doubled */
    td_gemm_scale scales[4];
    uint32_t lift; /* per channel a byte, see td_gemm_clamped */
    uint32_t drop;
} td_gemm_block;

/* 4 channels of 2 pixels. The number of taps is a multiple of 4. One form fetches pairs of words (fewest instructions),
 * the other single words between multiplications (fewest cycles where a core issues two instructions at a time). */

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

/* 2 channels of 2 pixels: with their few sums, four words are fetched at once. At least 8 taps. */
void td_gemm_square(const td_gemm_block *block);
void td_gemm_square_clamped(const td_gemm_block *block);

/* 2 channels of 4 pixels. Weights are int8: for each 4 taps of channels a and b, the bytes a k0, b k0, a k2, b k2, a k1,
 * b k1, a k3, b k3. */
void td_gemm_direct(const td_gemm_block *block);
void td_gemm_direct_clamped(const td_gemm_block *block);

#ifdef __cplusplus
}
#endif

#endif
