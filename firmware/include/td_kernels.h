/* SPDX-License-Identifier: 0BSD */
/* Every kernel: what it computes, what its parameters mean, what it needs.
 *
 * In common:
 * - A kernel makes the rows [first, last) of `out`, 0 <= first <= last <= out->height, each of them whole and from
 *   nothing but rows of its inputs: rows may be made in any order and in any pieces. It reads only the input rows
 *   that those output rows depend on; rows outside the input are padding and never touched.
 * - A kernel that accumulates is called with rows [first, last) of `in` instead: with all of them, from the first to the
 *   last in as many calls as one likes. It makes `out`, of one pixel, in the call with the last of them, and its scratch
 *   keeps sums between the calls.
 * - Rows of `out` must not overlap rows of an input, except where "in place" is said: there an output row may be the
 *   very input row of the same number, or of one some rows above if that is said, and calls go downwards. `scratch` overlaps with nothing; it is aligned to 4 bytes, has as many bytes as
 *   stated, holds nothing between calls, and is ignored (may be NULL) where none are stated.
 * - Offsets: input_offset = -(zero point of the input), in [-127, 128]; output_offset = zero point of the output, in
 *   [-128, 127]. A multiplier and its shift are as in td_channel. Bounds low <= high are in [-128, 127].
 * - Shapes fit together; nothing is checked. Results equal those of the TFLite reference kernels in every byte. */
#ifndef TD_KERNELS_H
#define TD_KERNELS_H

#include "td_bound.h"
#include "td_dense.h"
#include "td_fixed.h"
#include "td_linear_sum.h"
#include "td_product.h"
#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Max-pooling: output pixel (h, w) is the maximum over the window of kernel_height x kernel_width input pixels whose
 * first one is (h * stride_height - pad_top, w * stride_width - pad_left), padding left out, then bounded. */
typedef struct {
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t in_height; /* of the tensor that is pooled */
    int32_t in_width;
    int32_t low;
    int32_t high;
} td_max_pool_2d;

void td_max_pool_2d_s8(const td_max_pool_2d *op, const td_tensor *in, const td_tensor *out, int32_t first,
                       int32_t last);

/* Average-pooling: the mean over the same windows, padding left out, to the nearest integer, halves away from zero. */
typedef struct {
    int32_t kernel_height; /* kernel_height * kernel_width <= 2^23 */
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t low;
    int32_t high;
} td_average_pool_2d;

void td_average_pool_2d_s8(const td_average_pool_2d *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last);

/* The same where one window covers all of the input. Accumulating. in->height * in->width <= 2^23.
 * Scratch: in->channels * 4 bytes, the sum of each channel. */
typedef struct {
    int32_t low;
    int32_t high;
} td_average_pool_2d_global;

void td_average_pool_2d_global_s8(const td_average_pool_2d_global *op, const td_tensor *in, const td_tensor *out,
                               int32_t first, int32_t last, void *scratch);

/* 2-D convolution, optionally with max-pooling behind it.
 * kernel_height * kernel_width * in->channels <= 65536, so that sums of products stay below 65536 * 128 * 255 < 2^31.
 * Scratch: with `pool`, one row before pooling, pool->in_width * out->channels bytes; else none. A pooled row makes the
 * rows it needs, one after the other: where pooling windows overlap, rows are made more than once. */
typedef struct {
    const int8_t *weights;      /* [out->channels][kernel_height][kernel_width][in->channels] */
    const td_channel *channels; /* [out->channels] */
    td_highs highs;
    const td_max_pool_2d *pool; /* NULL: none */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_offset;
    int32_t output_offset;
} td_conv_2d;

void td_conv_2d_s8(const td_conv_2d *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last,
                   void *scratch);

/* 2-D convolution of groups: of in->channels / depth equal groups of output channels each reads its group of input
 * channels. kernel_height * kernel_width * depth <= 65536. */
typedef struct {
    const int8_t *weights;      /* [out->channels][kernel_height][kernel_width][depth] */
    const td_channel *channels; /* [out->channels] */
    td_highs highs;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t depth;
    int32_t input_offset;
    int32_t output_offset;
} td_grouped_conv_2d;

void td_grouped_conv_2d_s8(const td_grouped_conv_2d *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last);

/* Transposed 2-D convolution: the products of input pixel (i, j) with the weights go to the window of `out` that begins at
 * (i * stride_height - pad_top, j * stride_width - pad_left), what falls outside of `out` being lost.
 * kernel_height * kernel_width * in->channels <= 65536. */
typedef struct {
    const int8_t *weights;      /* [out->channels][kernel_height][kernel_width][in->channels] */
    const td_channel *channels; /* [out->channels] */
    td_highs highs;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_offset;
    int32_t output_offset;
} td_transpose_conv;

void td_transpose_conv_s8(const td_transpose_conv *op, const td_tensor *in, const td_tensor *out, int32_t first,
                          int32_t last);

/* Depthwise 2-D convolution, optionally with max-pooling behind it: output channel c reads input channel
 * c / depth_multiplier. kernel_height * kernel_width <= 65536. Scratch as for td_conv_2d_s8. */
typedef struct {
    const int8_t *weights;      /* [kernel_height][kernel_width][out->channels] */
    const td_channel *channels; /* [out->channels], out->channels = in->channels * depth_multiplier */
    td_highs highs;
    const td_max_pool_2d *pool; /* NULL: none */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t depth_multiplier;
    int32_t input_offset;
    int32_t output_offset;
} td_depthwise_conv_2d;

void td_depthwise_conv_2d_s8(const td_depthwise_conv_2d *op, const td_tensor *in, const td_tensor *out, int32_t first,
                             int32_t last, void *scratch);

/* Fully-connected layer. The bytes of the input's rows, one behind the other, are vectors of `depth` elements, most
 * often a single one; each makes `units` elements of the output, whose rows hold whole vectors. depth <= 65536.
 * Unlike the other layers with weights this one multiplies in double precision, as the reference does. */
typedef struct {
    const int8_t *weights;  /* [units][depth] */
    const int32_t *bias;    /* [units] */
    const td_scale *scales; /* [units] if per_channel, else [1] */
    const int8_t *bounds;   /* [units][2], low and high of each; NULL: low and high below hold for all */
    int32_t per_channel;
    int32_t depth;
    int32_t units;
    int32_t input_offset;
    int32_t output_offset;
    int32_t low;
    int32_t high;
} td_fully_connected;

void td_fully_connected_s8(const td_fully_connected *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last);

/* The same by the core loops of td_dense.h, with weights and constants packed for them: a block of units after the
 * other, of each a piece of the vector after the other.
 * Scratch: 2 bytes for every element of a piece, 4 for every unit of a block. */
typedef struct {
    const td_dense_form *form;
    const int8_t *weights;
    const int32_t *constants;
    const int8_t *bounds; /* [units][2], low and high of each; NULL: none but int8's */
    int32_t depth;
    int32_t units;
    int32_t piece; /* elements, 4 | piece, at most depth rounded up to a multiple of 4 */
    int32_t block; /* units, 4 | block or all of them */
    int32_t offset;
    int32_t shift;
} td_fully_connected_packed;

void td_fully_connected_packed_s8(const td_fully_connected_packed *op, const td_tensor *in, const td_tensor *out,
                                  int32_t first, int32_t last, void *scratch);

/* Element by element, of two inputs. Each of an input's height, width and channels is that of `out` or 1: there the
 * one row, pixel or channel serves for all. In place with an input of the same shape as `out`. */

/* in1 + in2. (1 << left_shift) is what both are scaled up by before they are brought to a common scale. */
typedef struct {
    int32_t left_shift;
    int32_t input1_offset;
    int32_t input1_multiplier;
    int32_t input1_shift;
    int32_t input2_offset;
    int32_t input2_multiplier;
    int32_t input2_shift;
    int32_t output_offset;
    int32_t output_multiplier;
    int32_t output_shift;
    int32_t low;
    int32_t high;
} td_add;

void td_add_s8(const td_add *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
               int32_t last);

/* in1 - in2, parameters as for td_add_s8. */
void td_sub_s8(const td_add *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
               int32_t last);

/* in1 + in2 or in1 - in2 by the core loops of td_linear_sum.h. `in1` has the shape of `out`, `in2` has it, too, or one row
 * or one pixel serves for all, with as many channels. */
typedef struct {
    void (*add)(const td_linear_sum *sum, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count);
    td_linear_sum sum;
    int32_t shift; /* that of `add` */
    /* td_bound where low and high are other than int8's; else NULL. */
    void (*bound)(int8_t *y, int32_t count, int32_t low, int32_t high);
    int32_t low;
    int32_t high;
} td_add_linear;

void td_add_linear_s8(const td_add_linear *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                      int32_t first, int32_t last);

/* The same with a table of each operand's 256 scaled values, where no factors do. Operands as for td_add_linear_s8. */
typedef struct {
    const int32_t *table1; /* twice the scaled value of in1 - 128 ... 127; below 2^28 in magnitude */
    const int32_t *table2;
    int32_t multiplier;
    int32_t addend; /* 2^(shift - 1) + zero point of the output * 2^shift */
    int32_t shift;  /* to the right, 1 to 22 */
    /* td_bound where low and high are other than int8's; else NULL. */
    void (*bound)(int8_t *y, int32_t count, int32_t low, int32_t high);
    int32_t low;
    int32_t high;
} td_add_table;

void td_add_table_s8(const td_add_table *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                     int32_t first, int32_t last);

/* in1 * in2. */
typedef struct {
    int32_t input1_offset;
    int32_t input2_offset;
    int32_t output_offset;
    int32_t output_multiplier;
    int32_t output_shift;
    int32_t low;
    int32_t high;
} td_mul;

void td_mul_s8(const td_mul *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
               int32_t last);

/* The same by the core loop of td_product.h. `in1` has the shape of `out`, `in2` has it, too, or one row or one pixel serves
 * for all, with as many channels. */
typedef struct {
    td_product product;
    /* td_bound where low and high are other than int8's; else NULL. */
    void (*bound)(int8_t *y, int32_t count, int32_t low, int32_t high);
    int32_t low;
    int32_t high;
} td_mul_fours;

void td_mul_fours_s8(const td_mul_fours *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                     int32_t first, int32_t last);

/* in1 / in2, parameters as for td_mul_s8, with an output_shift of 7 to 22; where in2 is zero, it counts as its scale. */
void td_div_s8(const td_mul *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
               int32_t last);

/* in1, or in1 * in2 where in1 is negative. */
typedef struct {
    int32_t input_offset;
    int32_t slope_offset;
    int32_t output_offset;
    int32_t multiplier; /* of in1 */
    int32_t shift;
    int32_t slope_multiplier; /* of in1 * in2 */
    int32_t slope_shift;
} td_prelu;

void td_prelu_s8(const td_prelu *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first,
                 int32_t last);

/* (in1 - in2)^2, parameters as for td_add_s8. */
void td_squared_difference_s8(const td_add *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                              int32_t first, int32_t last);

/* The larger, the smaller of two; all three tensors have one scale and zero point. */
void td_maximum_s8(const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first, int32_t last);
void td_minimum_s8(const td_tensor *in1, const td_tensor *in2, const td_tensor *out, int32_t first, int32_t last);

/* Any function of one int8: out = table[in + 128]. In place. */
void td_lookup_s8(const int8_t *table, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* Accumulating: the mean over height and width. in->height * in->width <= 2^23.
 * Scratch: in->channels * 4 bytes, the sum of each channel. */
typedef struct {
    int32_t bias;       /* -(zero point of the input) * in->height * in->width */
    int32_t multiplier; /* with the division by the number of pixels in it */
    int32_t shift;
    int32_t output_offset;
} td_mean;

void td_mean_s8(const td_mean *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last,
                void *scratch);

/* Puts the input into a larger tensor of constant value. */
typedef struct {
    int32_t top;
    int32_t left;
    int32_t front; /* channels before the input's */
    int32_t value;
} td_pad;

void td_pad_s8(const td_pad *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* Softmax over groups of `depth` neighbouring elements; a row is a whole number of groups. In place.
 * The output has scale 1/256 and zero point -128. depth <= 4095, so that the sum stays below 2^31. */
typedef struct {
    const int32_t *exponentials; /* exp(-d * scale of the input) * 2^31 for d = 0 ... entries - 1; 0 beyond */
    int32_t entries;             /* 1 to 256 */
    int32_t depth;
} td_softmax;

void td_softmax_s8(const td_softmax *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* The logarithm of the softmax, over the same groups. In place. The output has scale 1/16 and zero point 127. */
typedef struct {
    const int32_t *exponentials; /* as for td_softmax_s8 */
    int32_t entries;
    int32_t depth;
    int32_t multiplier; /* from differences of inputs to Q5.26 */
    int32_t shift;
    int32_t reverse_multiplier; /* back */
    int32_t reverse_shift;
    int32_t diff_min; /* differences below have no place in Q5.26; not positive */
} td_log_softmax;

void td_log_softmax_s8(const td_log_softmax *op, const td_tensor *in, const td_tensor *out, int32_t first,
                       int32_t last);

/* Bytes in another order: transpositions, slices, repetitions and the like. Loops run over a box of `out`, and each moves
 * through `in` by its steps: the place of an element is the sum of what its loops contribute. */
typedef struct {
    int32_t count;
    int32_t row_step;        /* rows of `in` from one turn to the next */
    int32_t step;            /* bytes within a row of `in` */
    int32_t out_step;        /* bytes within a row of `out`; 0 in loops over its rows */
    const uint16_t *indices; /* [count], which the steps through `in` are multiplied by; NULL: 0, 1, ... */
} td_move_level;

typedef struct {
    const td_move_level *levels; /* over the rows of the box, then over the bytes of a row, outermost first */
    int32_t row_levels;
    int32_t outer_levels; /* of those over bytes, all but the last two */
    int32_t first;        /* rows of `out` in the box: [first, last) */
    int32_t last;
    int32_t offset; /* byte within a row of `out` at which it begins */
    int32_t row;    /* of `in`, that the first element comes from */
    int32_t column; /* byte of that row */
} td_move;

void td_move_s8(const td_move *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* The mean of the four pixels of `in` round the place of each of `out`, by their distances. Pixel i of a dimension lies at
 * offset + i * step, in 1/1024 of a pixel of `in`; above -1, and not beyond the last one by a whole pixel. */
typedef struct {
    int32_t step_height;
    int32_t step_width;
    int32_t offset_height;
    int32_t offset_width;
} td_resize_bilinear;

void td_resize_bilinear_s8(const td_resize_bilinear *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last);

/* Mean or extreme over some dimensions, in any order of the others.
 * 255 * (number of elements taken together) * 2^max(shift, 0) < 2^31. */
typedef enum { TD_SUM, TD_LARGEST, TD_SMALLEST } td_reduction;

typedef struct {
    td_move box;                 /* all of `out`; where the elements of each begin in `in` */
    const td_move_level *levels; /* over the elements that are taken together, without indices */
    int32_t outer_levels;        /* all but the last */
    td_reduction kind;
    int32_t bias; /* of a sum, as all that follows: -(zero point of the input) * (number of elements) */
    int32_t multiplier;
    int32_t shift;
    int32_t output_offset;
} td_reduce;

void td_reduce_s8(const td_reduce *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* The index of the first of the largest, or of the smallest, of `count` elements. The elements of `out` are int32 or int64,
 * and loops count their bytes. */
typedef struct {
    td_move box; /* all of `out`; where the elements of each begin in `in` */
    int32_t count;
    int32_t row_step; /* from one element to the next: rows of `in` */
    int32_t step;     /* and bytes */
    int32_t sign;     /* 1: the largest, -1: the smallest */
    int32_t words;    /* 4 bytes each, of an element of `out` */
} td_arg_extreme;

void td_arg_extreme_s8(const td_arg_extreme *op, const td_tensor *in, const td_tensor *out, int32_t first,
                       int32_t last);

/* Products of matrices: `out` has rows * columns of them each, `a` rows * depth, `b` or `constant` depth * columns. A row of
 * a tensor holds whole matrices; `out` may not lie where an operand does. depth <= 2^15. */
typedef struct {
    const void *constant; /* int8_t, or NULL: the second operand is `b` */
    int32_t rows;
    int32_t depth;
    int32_t columns;
    int32_t a_row; /* elements of `a` from one row of its matrix to the next */
    int32_t a_step;
    int32_t b_step;
    int32_t b_column;
    int32_t one_a; /* whether it has one matrix, for all of those of `b` */
    int32_t one_b;
    int32_t a_offset;
    int32_t b_offset;
    int32_t output_offset;
    int32_t multiplier;
    int32_t shift;
} td_batch_matmul;

void td_batch_matmul_s8(const td_batch_matmul *op, const td_tensor *a, const td_tensor *b, const td_tensor *out,
                        int32_t first, int32_t last);

/* Groups of `depth` neighbouring elements divided by the square root of the sum of their squares; a row is a whole number
 * of groups. In place. The output has scale 1/128 and zero point 0. depth <= 2^15, so that the sum stays below 2^31. */
typedef struct {
    int32_t depth;
    int32_t input_offset;
} td_l2_normalization;

void td_l2_normalization_s8(const td_l2_normalization *op, const td_tensor *in, const td_tensor *out, int32_t first,
                            int32_t last);

/* Inputs behind each other. Along the height: `pieces` is 0, and the rows of `out` are those of the inputs in turn.
 * Else the row of each input is `pieces` pieces of equal size, and a row of `out` is made of the first piece of each
 * input, then the second of each, and so on: 1 piece along the width, out->width pieces along the channels. */
typedef struct {
    int32_t inputs;
    int32_t pieces;
} td_concatenation;

void td_concatenation_s8(const td_concatenation *op, const td_tensor *const *in, const td_tensor *out, int32_t first,
                         int32_t last);

#ifdef __cplusplus
}
#endif

/* Kernels for cores with the DSP extension. */
#include "td_conv_2d_gemm.h"
#include "td_conv_2d_dense.h"
#include "td_conv_2d_pair.h"
#include "td_depthwise_conv_2d_planar.h"
#include "td_expanded_depthwise_conv_2d.h"

/* Kernels that keep state, those of truth values, and those of int16. */
#include "td_state.h"
#include "td_truth.h"
#include "td_wide.h"

#endif
