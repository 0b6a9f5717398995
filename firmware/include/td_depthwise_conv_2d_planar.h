/* SPDX-License-Identifier: 0BSD */
/* Depthwise 2-D convolution on planes, for cores with the DSP extension; what td_kernels.h says of all kernels holds.
 * Part of td_kernels.h. */
#ifndef TD_DEPTHWISE_CONV_2D_PLANAR_H
#define TD_DEPTHWISE_CONV_2D_PLANAR_H

#include "td_planar.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The same convolution as td_depthwise_conv_2d without dilation, for sums that td_planar.h has room for: four input
 * channels, `columns` columns and `rows` rows of the output at a time.
 *
 * In place, each output row in the place of the input row pad_top above it, if strides and depth multiplier are 1, `out`
 * has the shape of `in`, channels are fewer than 4 or a multiple of 4, and `columns` are all of its columns.
 *
 * Scratch, in words: groups * slots * 8, planes; groups; 4 * constant_words; rows; and as many as those rows have input
 * rows under them, (rows - 1) * stride_height + kernel_height or all there are if that is less. */
struct td_planar_part; /* of a layer, that is being made */

typedef struct {
    const int8_t *weights;             /* [out->channels][kernel_height][kernel_width] and 1 byte of anything */
    const td_planar_channel *channels; /* [out->channels] */
    td_highs highs;
    const td_planar_form *form;
    /* td_planar_single, or td_planar_multiples with a depth multiplier above 1. */
    void (*make)(struct td_planar_part *part, int32_t channel, int32_t count, int32_t prepared);
    /* td_planar_load_end, needed with less than 4 input channels; td_planar_bound, or td_planar_bound_few with less
     * than 4 output channels at a time, where some channel has bounds other than those of int8; td_planar_repair, where
     * some channel has `right` below 0. Else NULL. */
    void (*load_end)(const td_planar_source *source, const td_tensor *in);
    void (*bound)(const td_planar_band *band, const td_planar_channel *channels, int32_t count);
    void (*repair)(const td_planar_band *band, const int8_t *weights, const td_planar_channel *channels, int32_t count,
                   int32_t output_offset);
    int32_t constant_words; /* that the form makes for each channel */
    int32_t slots;          /* input rows in planes: at least (band - 1) * stride_height + kernel_height */
    int32_t band;           /* output rows that are made of them */
    int32_t rows;
    int32_t columns;
    int32_t groups; /* of four columns each, in the planes that `columns` outputs need */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t depth_multiplier;
    int32_t padding; /* zero point of the input */
    int32_t output_offset;
} td_depthwise_conv_2d_planar;

/* Output channels of a band, which read the input channels [channel, channel + count): one each, or several. */
void td_planar_single(struct td_planar_part *part, int32_t channel, int32_t count, int32_t prepared);
void td_planar_multiples(struct td_planar_part *part, int32_t channel, int32_t count, int32_t prepared);

void td_depthwise_conv_2d_planar_s8(const td_depthwise_conv_2d_planar *op, const td_tensor *in, const td_tensor *out,
                                    int32_t first, int32_t last, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
