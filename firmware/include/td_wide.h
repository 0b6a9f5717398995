/* SPDX-License-Identifier: 0BSD */
/* Kernels of int16 activations: what each computes and what its parameters mean. What td_kernels.h says of all kernels
 * holds here, too, but for this: elements of tensors are int16, and all their zero points are 0. Rows begin at even
 * addresses; steps of td_move count bytes. */
#ifndef TD_WIDE_H
#define TD_WIDE_H

#include "td_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Requantization of one output channel from a 64-bit sum, 12 bytes: (sum + bias) * multiplier / 2^shift, to the nearest
 * integer, halves up. */
typedef struct TD_PACKED {
    int64_t bias;
    int16_t multiplier; /* not negative */
    int16_t shift;      /* 8 to 46 */
} td_wide_channel;

/* 2-D convolution. Weights are [out->channels][kernel_height][kernel_width * in->channels], where of every whole group of
 * 4 of the last dimension those in the middle have changed places: 0 2 1 3. */
typedef struct {
    const int8_t *weights;
    const td_wide_channel *channels; /* [out->channels] */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t low;
    int32_t high;
} td_conv_2d_wide;

void td_conv_2d_s16(const td_conv_2d_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* Transposed convolution over windows as of td_transpose_conv_s8. Weights are [out->channels][kernel_height][kernel_width]
 * [in->channels], in order; there is no dilation. */
typedef td_conv_2d_wide td_transpose_conv_wide;

void td_transpose_conv_s16(const td_transpose_conv_wide *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last);

/* As td_batch_matmul_s8, with offsets of 0 and an int16_t constant; the multiplier is one of td_wide_channel. */
void td_batch_matmul_s16(const td_batch_matmul *op, const td_tensor *a, const td_tensor *b, const td_tensor *out,
                         int32_t first, int32_t last);

/* As td_resize_bilinear_s8. */
void td_resize_bilinear_s16(const td_resize_bilinear *op, const td_tensor *in, const td_tensor *out, int32_t first,
                            int32_t last);

/* Depthwise 2-D convolution: output channel c reads input channel c / depth_multiplier. kernel_height * kernel_width <=
 * 511, so that sums of products stay below 511 * 128 * 32768 < 2^31. */
typedef struct {
    const int8_t *weights;           /* [kernel_height][kernel_width][out->channels] */
    const td_wide_channel *channels; /* [out->channels] */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t low;
    int32_t high;
    int32_t depth_multiplier;
} td_depthwise_conv_2d_wide;

void td_depthwise_conv_2d_s16(const td_depthwise_conv_2d_wide *op, const td_tensor *in, const td_tensor *out,
                              int32_t first, int32_t last);

/* Fully-connected layer over vectors as of td_fully_connected_s8. A vector is read in pieces of `piece` elements, which
 * divides both `depth` and the elements of a row of `in`; weights are in order as for td_conv_2d_s16, in groups that begin
 * with each piece. */
typedef struct {
    const int8_t *weights;  /* [units][depth] */
    const int64_t *bias;    /* [units] */
    const td_scale *scales; /* [units] if per_channel, else [1]; each below 1 */
    int32_t per_channel;
    int32_t depth;
    int32_t units;
    int32_t piece;
    int32_t low;
    int32_t high;
} td_fully_connected_wide;

void td_fully_connected_s16(const td_fully_connected_wide *op, const td_tensor *in, const td_tensor *out, int32_t first,
                            int32_t last);

/* Sum or difference, operands as for td_add_s8. In place as that. The common scale is that of in1, the larger one, / 2^14. */
typedef struct {
    int32_t factor1; /* 2^14 or -2^14 */
    int32_t sign2;
    int32_t multiplier2; /* at most 1/2 with the shift */
    int32_t right2;      /* 0 to 31 */
    int32_t output_multiplier;
    int32_t output_right;
    int32_t low;
    int32_t high;
} td_add_wide;

void td_add_s16(const td_add_wide *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
                int32_t last);

/* Other scale, zero point or type: of `in` and `out` each has int8 or int16, and `low` and `high` are within that of `out`. */
typedef struct {
    int32_t input_wide; /* 1: int16 */
    int32_t output_wide;
    int32_t input_offset;
    int32_t output_offset;
    int32_t multiplier;
    int32_t shift;
    int32_t low;
    int32_t high;
} td_requantization;

void td_requantize_rows(const td_requantization *op, const td_tensor *in, const td_tensor *out, int32_t first,
                        int32_t last);

/* The same by one multiplication: (factor * (in << left) + addend) >> (32 + right), bounded. The generator tries all inputs
 * (tinydeploy/plan/linear_requantization.py). */
typedef struct {
    int32_t input_wide;
    int32_t output_wide;
    int32_t factor; /* not negative */
    int32_t left;   /* 0 to 15 */
    int32_t right;  /* 0 to 14 */
    int64_t addend; /* |addend| < 2^62 */
    int32_t low;
    int32_t high;
} td_linear_requantization;

void td_requantize_linear(const td_linear_requantization *op, const td_tensor *in, const td_tensor *out, int32_t first,
                          int32_t last);

/* A slope for values of at least 0, and another for those below, which are negated first where the op says so. In place.
 * Shifts are at most 14. */
typedef struct {
    int32_t negates;
    int32_t above_multiplier;
    int32_t above_shift;
    int32_t below_multiplier;
    int32_t below_shift;
} td_slopes_wide;

void td_slopes_s16(const td_slopes_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* in1 * in2, operands as for td_add_s8. In place as that. The multiplier is below 1: shift <= 0. */
typedef struct {
    int32_t multiplier;
    int32_t shift;
    int32_t low;
    int32_t high;
} td_mul_wide;

void td_mul_s16(const td_mul_wide *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
                int32_t last);

/* The larger, the smaller of two. */
void td_maximum_s16(const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first, int32_t last);
void td_minimum_s16(const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first, int32_t last);

/* Max- or average-pooling over windows as of td_max_pool_2d_s8 and td_average_pool_2d_s8. kernel_height * kernel_width <=
 * 2^15. */
typedef struct {
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t low;
    int32_t high;
    int32_t average; /* 1; 0: maximum */
} td_pool_2d_wide;

void td_pool_2d_s16(const td_pool_2d_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* Sums, largest or smallest over some dimensions, loops as of td_reduce_s8; sums are then multiplied. 2^15 * (number of elements) * 2^max(shift, 0) < 2^31. */
typedef struct {
    td_move box;
    const td_move_level *levels;
    int32_t level_count;
    td_reduction kind;
    int32_t multiplier; /* with the division by the number of elements in it */
    int32_t shift;
} td_reduce_wide;

void td_reduce_s16(const td_reduce_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* The logistic function or the hyperbolic tangent, with a scale of the output of 1/32768. In place.
 * (in * multiplier + rounding) >> shift counts in 1/12288. */
typedef struct {
    int32_t multiplier; /* below 2^16 */
    int32_t shift;      /* 0 to 31 */
    int32_t tangent;    /* 1: hyperbolic tangent */
} td_sigmoid_wide;

void td_sigmoid_s16(const td_sigmoid_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* Softmax over groups of `depth` neighbouring elements; a row is a whole number of groups. In place. The output has scale
 * 1/32768. depth <= 65535, so that the sum stays below 2^31. Tables have 512 steps and the value behind the last. */
typedef struct {
    const int16_t *exponentials; /* [513] of exp(x), x from -10 to 0, in 1/32768 */
    const int16_t *reciprocals;  /* [513] of 1/(1 + x), x from 0 to 1, in 1/32768 */
    int32_t depth;
    int32_t multiplier; /* from differences of inputs to 10/65535 */
    int32_t shift;
} td_softmax_wide;

void td_softmax_s16(const td_softmax_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

static inline int16_t *td_wide_row(const td_tensor *tensor, int32_t y)
{
    return (int16_t *)(void *)td_row(tensor, y);
}

/* Output of one channel from its sum of products. |sum + bias| < 2^47. */
static inline int16_t td_finish_wide(int64_t sum, const td_wide_channel *channel, int32_t low, int32_t high)
{
    const int64_t half = (int64_t)1 << (channel->shift - 1);
    const int32_t value = (int32_t)(((sum + channel->bias) * channel->multiplier + half) >> channel->shift);
    return (int16_t)td_clamp(value, low, high);
}

#ifdef __cplusplus
}
#endif

#endif
