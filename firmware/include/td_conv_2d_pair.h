/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution with little scratch, for cores with the DSP extension; what td_kernels.h says of all kernels holds.
 * Part of td_kernels.h. */
#ifndef TD_CONV_2D_PAIR_H
#define TD_CONV_2D_PAIR_H

#include "td_kernels.h"
#include "td_pair.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The same convolution as td_conv_2d, two pixels at a time, for at least 2 output channels. Taps are padded to `depth`,
 * a multiple of 4, with taps whose weights are 0, and widened or left as they are.
 *
 * In place if kernel and strides are 1x1 and `out` has as many channels as `in`, without a pool.
 *
 * Scratch: 2 * depth bytes for narrow taps, 4 * depth for wide ones, and with `pool` 2 * out->channels behind them. */
typedef struct {
    const int8_t *weights; /* as td_pair takes them; of an odd number of channels the last but one comes twice, the
                            * second time with the last */
    const td_channel *channels; /* [out->channels], as td_pair takes them */
    td_highs highs;
    const td_max_pool_2d *pool; /* NULL: none */
    void (*multiply)(const td_pair *pair); /* a loop of td_pair.h */
    int32_t depth;
    int32_t wide; /* whether that loop takes wide taps */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero_point;
    int32_t output_offset;
} td_conv_2d_pair;

void td_conv_2d_pair_s8(const td_conv_2d_pair *op, const td_tensor *in, const td_tensor *out, int32_t first,
                          int32_t last, void *scratch);

/* The same with a pool. Pixels that are in several windows are made for each of them. */
void td_conv_2d_pair_pooled_s8(const td_conv_2d_pair *op, const td_tensor *in, const td_tensor *out, int32_t first,
                                 int32_t last, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
