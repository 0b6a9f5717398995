/* SPDX-License-Identifier: 0BSD */
/* A 1x1 convolution and the depthwise convolution behind it in one, for cores with the DSP extension; what td_kernels.h
 * says of all kernels holds. */
#ifndef TD_EXPANDED_DEPTHWISE_CONV_2D_H
#define TD_EXPANDED_DEPTHWISE_CONV_2D_H

#include "td_conv_2d_gemm.h"
#include "td_depthwise_conv_2d_planar.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The depthwise convolution `depthwise` of what the convolution `expansion` makes of `in`: its kernel and strides are
 * 1x1, without padding and pool; the depth multiplier is 1.
 *
 * What is between them is never there as a whole. For `band` rows of `out` after the other, and of them for `channels`
 * channels after the other, the rows that the windows need are computed into a tile, and the windows are laid over it.
 * Rows that two bands need, or two calls, are computed twice. The tile has all columns, so what lies beside it and above
 * and below the image is the padding of `depthwise`.
 *
 * Scratch: tile_bytes, and behind them that of the two convolutions, which use it in turn. tile_bytes is at least
 * ((band - 1) * stride_height + kernel_height or in->height, whichever is less) * in->width * channels, and a multiple
 * of 4. */
struct td_conv_2d_gemm;

typedef struct {
    const struct td_conv_2d_gemm *expansion;
    const td_depthwise_conv_2d_planar *depthwise;
    int32_t channels; /* of a tile: a multiple of 4, and out->channels one of it */
    int32_t band;
    int32_t tile_bytes;
} td_expanded_depthwise_conv_2d;

void td_expanded_depthwise_conv_2d_s8(const td_expanded_depthwise_conv_2d *op, const td_tensor *in,
                                      const td_tensor *out, int32_t first, int32_t last, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
