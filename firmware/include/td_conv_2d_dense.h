/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution whose one window is the whole input: without padding and dilation, one output pixel. */
#ifndef TD_CONV_2D_DENSE_H
#define TD_CONV_2D_DENSE_H

#include "td_dense.h"
#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TD_CONV_2D_DENSE_BLOCK 64 /* channels at a time */

/* Weights as td_dense_joint reads them, so none below -127; the magnitudes of a channel's add up to less than 65280, that
 * sums of products with a factor of 256, and what that form adds to them, fit in an int32. Biases are less that, divided by
 * 256 and rounded down, and less the products with the input's zero point.
 * Scratch: 4 * TD_CONV_2D_DENSE_BLOCK + 2 * depth bytes. */
typedef struct {
    const int8_t *weights;
    const td_channel *channels; /* [out->channels] */
    td_highs highs;
    int32_t depth; /* of the input, height * width * channels; 4 | depth */
    int32_t output_offset;
} td_conv_2d_dense;

void td_conv_2d_dense_s8(const td_conv_2d_dense *op, const td_tensor *in, const td_tensor *out, int32_t first,
                         int32_t last, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
