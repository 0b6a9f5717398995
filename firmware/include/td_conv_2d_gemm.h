/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution as products of matrices, for cores with the DSP extension; what td_kernels.h says of all kernels
 * holds. Part of td_kernels.h. */
#ifndef TD_CONV_2D_GEMM_H
#define TD_CONV_2D_GEMM_H

#include "td_gemm.h"
#include "td_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The same convolution as td_conv_2d, in chunks of `pixels` pixels, by blocks of 2 or 4 output channels and groups of 2
 * or 4 pixels.
 *
 * Taps are padded to `depth`, a multiple of 4, with taps whose weights are 0: behind the others or, where widen_rows is
 * td_widen_3x3x3, as that says. It is for kernels of 3x3 over 3 channels that are not dilated in width and for groups
 * of 2 pixels; NULL for all others.
 *
 * A channel's `bias` is doubled and has the input's zero point folded in: it is what the sum of weight * 2 * (x + 128)
 * begins with. `multiplier` and `shift` are as in td_channel with shift in [-31, -1]; with finish_sums any shift is
 * allowed.
 *
 * In place if kernel and strides are 1x1 and `out` has as many channels as `in`, without a pool.
 *
 * Scratch, in this order: widened pixels, depth * 2 * pixels bytes; widened weights, if widen_weights is not NULL,
 * depth * 2 * block bytes; 16 bytes; results that cannot go to their place at once, 4 * pixels bytes (16 * pixels for
 * sums). All that is behind the pixels also serves for two pixels' taps, so it has at least 2 * depth bytes. With `pool`,
 * a row before pooling follows, pool->in_width * out->channels bytes. */
typedef struct td_conv_2d_gemm td_conv_2d_gemm;

struct td_conv_2d_gemm {
    const int8_t *weights;      /* by blocks of channels as widen_weights or td_gemm_direct takes them, aligned to 4 */
    const td_channel *channels; /* [out->channels] */
    td_highs highs;
    const td_max_pool_2d *pool; /* NULL: none */
    void (*multiply)(const td_gemm_block *block);
    void (*widen_weights)(void *to, const int8_t *from, const int8_t *end); /* NULL: multiply takes them as they are */
    void (*widen_rows)(void *to, const int8_t *const rows[3], int32_t pairs, int32_t pitch);
    void (*widen_apart)(void *to, const int8_t *from, int32_t taps, int32_t pairs,
                        const td_widen_layout *layout); /* td_widen_pixels_apart for groups of 4 pixels, else NULL */
    /* td_conv_2d_gemm_finish if multiply is td_gemm_paired_sums: requantization in C. Else NULL. */
    void (*finish_sums)(const td_conv_2d_gemm *op, const int32_t *sums, int32_t channel, int32_t channels,
                        int32_t count, int8_t *out, int32_t pitch);
    uint8_t clamped;   /* whether multiply is a loop that clamps; else bounds are those of int8 */
    uint8_t pointwise; /* whether pixel i of the input, and nothing else, makes pixel i of the output */
    uint8_t block;     /* channels that multiply makes at a time */
    uint8_t group;     /* pixels that it makes at a time */
    int16_t input_zero_point;
    int16_t output_offset;
    int32_t depth;
    int32_t pixels; /* a multiple of `group` */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t pad_top;
    int32_t pad_left;
};

void td_conv_2d_gemm_s8(const td_conv_2d_gemm *op, const td_tensor *in, const td_tensor *out, int32_t first,
                        int32_t last, void *scratch);

/* The same with a pool. */
void td_conv_2d_gemm_pooled_s8(const td_conv_2d_gemm *op, const td_tensor *in, const td_tensor *out, int32_t first,
                               int32_t last, void *scratch);

/* Outputs [channel, channel + channels) of `count` pixels, `pitch` bytes from one to the next, from sums of a block of
 * channels. */
void td_conv_2d_gemm_finish(const td_conv_2d_gemm *op, const int32_t *sums, int32_t channel, int32_t channels,
                            int32_t count, int8_t *out, int32_t pitch);

#ifdef __cplusplus
}
#endif

#endif
