/* SPDX-License-Identifier: 0BSD */
/* Depthwise 2-D convolution: four neighbouring channels at a time where each input channel has one output channel. */
#include "td_kernels.h"
#include "td_window.h"

/* Output `c` from its sum of products. */
static int8_t finish(const td_depthwise_conv_2d *op, int32_t c, int32_t sum)
{
    return td_finish_channel(sum, &op->channels[c], op->highs.bounds[c * op->highs.step], op->output_offset);
}

/* sums[i] = sum over the window of weights * (input + offset) for output channels c ... c + 3, depth multiplier 1. */
TD_NOINLINE static void sum_4(const td_depthwise_conv_2d *op, const td_tensor *in, const td_window *inside, int32_t c,
                              int32_t sums[4])
{
    const int32_t channels = in->channels;
    const int32_t step = op->dilation_width * channels;
    const int32_t offset = op->input_offset;
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (int32_t i = inside->taps_h.first; i < inside->taps_h.last; i++) {
        const int8_t *x = td_row(in, inside->origin_h + i * op->dilation_height) + inside->start + c;
        const int8_t *w = op->weights + (i * op->kernel_width + inside->taps_w.first) * channels + c;
        for (int32_t t = inside->taps_w.first; t < inside->taps_w.last; t++, x += step, w += channels) {
            s0 += w[0] * (x[0] + offset);
            s1 += w[1] * (x[1] + offset);
            s2 += w[2] * (x[2] + offset);
            s3 += w[3] * (x[3] + offset);
        }
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* The same for output channel `c` of `channels`, which reads input channel `source`. */
TD_NOINLINE static int32_t sum_1(const td_depthwise_conv_2d *op, const td_tensor *in, const td_window *inside,
                                 int32_t source, int32_t c, int32_t channels)
{
    const int32_t step = op->dilation_width * in->channels;
    int32_t sum = 0;
    for (int32_t i = inside->taps_h.first; i < inside->taps_h.last; i++) {
        const int8_t *x = td_row(in, inside->origin_h + i * op->dilation_height) + inside->start + source;
        const int8_t *w = op->weights + (i * op->kernel_width + inside->taps_w.first) * channels + c;
        for (int32_t t = inside->taps_w.first; t < inside->taps_w.last; t++, x += step, w += channels)
            sum += *w * (*x + op->input_offset);
    }
    return sum;
}

static void depthwise_row(const td_depthwise_conv_2d *op, const td_tensor *in, int32_t h, int8_t *out, int32_t width,
                          int32_t channels)
{
    td_window inside;
    inside.origin_h = h * op->stride_height - op->pad_top;
    inside.taps_h = td_taps_inside(inside.origin_h, op->dilation_height, op->kernel_height, in->height);

    for (int32_t w = 0; w < width; w++, out += channels) {
        const int32_t origin_w = w * op->stride_width - op->pad_left;
        td_place_columns(&inside, in, origin_w, op->dilation_width, op->kernel_width);

        int32_t c = 0;
        if (op->depth_multiplier == 1)
            for (; c + 4 <= channels; c += 4) {
                int32_t sums[4];
                sum_4(op, in, &inside, c, sums);
                for (int32_t i = 0; i < 4; i++)
                    out[c + i] = finish(op, c + i, sums[i]);
            }
        for (; c < channels; c++) {
            const int32_t sum = sum_1(op, in, &inside, c / op->depth_multiplier, c, channels);
            out[c] = finish(op, c, sum);
        }
    }
}

void td_depthwise_conv_2d_s8(const td_depthwise_conv_2d *op, const td_tensor *in, const td_tensor *out, int32_t first,
                             int32_t last, void *scratch)
{
    const td_max_pool_2d *pool = op->pool;
    const int32_t channels = out->channels;
    const int32_t width = pool ? pool->in_width : out->width;

    for (int32_t h = first; h < last; h++) {
        int8_t *row = td_row(out, h);
        const td_range rows = pool ? td_pooled_rows(pool, h) : (td_range){h, h + 1};
        if (pool)
            td_start_max_pool_row(pool, row, out->width, channels);
        for (int32_t i = rows.first; i < rows.last; i++) {
            depthwise_row(op, in, i, pool ? scratch : row, width, channels);
            if (pool)
                td_max_pool_row(pool, scratch, row, out->width, channels);
        }
        if (pool)
            td_finish_max_pool_row(pool, row, out->width, channels);
    }
}
