/* SPDX-License-Identifier: 0BSD */
/* Convolution whose one window is the whole input: a vector times a matrix, by the core loops of td_dense.h. */
#include <string.h>

#include "td_fixed.h"
#include "td_kernels.h"

/* Lays the whole input into `pairs`. */
static void spread_input(const td_conv_2d_dense *op, const td_tensor *in, int32_t *pairs)
{
    const int32_t row_size = in->width * in->channels;
    int8_t *const bytes = (int8_t *)pairs + op->depth;

    for (int32_t h = 0; h < in->height; h++)
        memcpy(bytes + h * row_size, td_row(in, h), (size_t)row_size);
    td_dense_joint.spread(bytes, bytes + op->depth, pairs);
}

void td_conv_2d_dense_s8(const td_conv_2d_dense *op, const td_tensor *in, const td_tensor *out, int32_t first,
                         int32_t last, void *scratch)
{
    int32_t *const sums = scratch;
    int32_t *const pairs = sums + TD_CONV_2D_DENSE_BLOCK;
    const int32_t *const pairs_end = pairs + op->depth / 2;
    const int8_t *weights = op->weights;
    int8_t *const y = td_row(out, first);

    (void)last; /* the one row */
    spread_input(op, in, pairs);
    for (int32_t c = 0; c < out->channels; c += TD_CONV_2D_DENSE_BLOCK) {
        const int32_t left = out->channels - c;
        const int32_t count = left < TD_CONV_2D_DENSE_BLOCK ? left : TD_CONV_2D_DENSE_BLOCK;
        const int32_t in_fours = count & ~3;
        memset(sums, 0, (size_t)count * sizeof *sums);
        if (in_fours)
            td_dense_joint.add(pairs, pairs_end, weights, 0, sums, sums + in_fours);
        weights += in_fours * op->depth;
        for (int32_t i = in_fours; i < count; i++, weights += op->depth)
            sums[i] = td_dense_joint.add_one(pairs, pairs_end, weights);
        for (int32_t i = 0; i < count; i++) {
            const int32_t high = op->highs.bounds[(c + i) * op->highs.step];
            y[c + i] = td_finish_channel(sums[i] >> 8, &op->channels[c + i], high, op->output_offset);
        }
    }
}
