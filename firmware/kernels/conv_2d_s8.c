/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution. */
#include "td_dot.h"
#include "td_kernels.h"
#include "td_window.h"

/* Output `c` from its sum of products. */
static int8_t finish(const td_conv_2d *op, int32_t c, int32_t sum)
{
    return td_finish_channel(sum, &op->channels[c], op->highs.bounds[c * op->highs.step], op->output_offset);
}

/* One row of a 1x1 convolution without padding: `x` is its input row. */
static void pointwise_row(const td_conv_2d *op, const int8_t *x, int32_t depth, int8_t *out, int32_t width,
                          int32_t channels)
{
    const int32_t step = op->stride_width * depth;
    for (int32_t w = 0; w < width; w++, x += step, out += channels) {
        const int8_t *weights = op->weights;
        int32_t c = 0;
        for (; c + 4 <= channels; c += 4, weights += 4 * depth) {
            int32_t sums[4] = {0, 0, 0, 0};
            td_dot_4(x, op->input_offset, weights, depth, depth, sums);
            for (int32_t i = 0; i < 4; i++)
                out[c + i] = finish(op, c + i, sums[i]);
        }
        for (; c < channels; c++, weights += depth)
            out[c] = finish(op, c, td_dot_1(x, op->input_offset, weights, depth));
    }
}

/* Row `h` of the convolution. Without dilation the taps of a kernel row that lie inside the image are neighbours, in
 * the input as in the weights: one run of bytes. With dilation each tap is a run of its own. */
static void window_row(const td_conv_2d *op, const td_tensor *in, int32_t h, int8_t *out, int32_t width,
                       int32_t channels)
{
    const int32_t depth = in->channels;
    const int32_t pitch = op->kernel_height * op->kernel_width * depth; /* weights of one output channel */
    const int32_t origin_h = h * op->stride_height - op->pad_top;
    const td_range taps_h = td_taps_inside(origin_h, op->dilation_height, op->kernel_height, in->height);

    for (int32_t w = 0; w < width; w++, out += channels) {
        const int32_t origin_w = w * op->stride_width - op->pad_left;
        const td_range taps_w = td_taps_inside(origin_w, op->dilation_width, op->kernel_width, in->width);
        const int32_t count = taps_w.last - taps_w.first;
        const int32_t taps_per_run = op->dilation_width == 1 ? count : 1;
        const int32_t run = taps_per_run * depth;
        const int32_t start = count > 0 ? (origin_w + taps_w.first * op->dilation_width) * depth : 0;
        const int32_t step = op->dilation_width * depth;

        int32_t c = 0;
        for (; c + 4 <= channels; c += 4) {
            int32_t sums[4] = {0, 0, 0, 0};
            for (int32_t i = taps_h.first; i < taps_h.last; i++) {
                const int8_t *x = td_row(in, origin_h + i * op->dilation_height) + start;
                const int8_t *weights = op->weights + c * pitch + (i * op->kernel_width + taps_w.first) * depth;
                for (int32_t t = 0; t < count; t += taps_per_run)
                    td_dot_4(x + t * step, op->input_offset, weights + t * depth, pitch, run, sums);
            }
            for (int32_t i = 0; i < 4; i++)
                out[c + i] = finish(op, c + i, sums[i]);
        }
        for (; c < channels; c++) {
            int32_t sum = 0;
            for (int32_t i = taps_h.first; i < taps_h.last; i++) {
                const int8_t *x = td_row(in, origin_h + i * op->dilation_height) + start;
                const int8_t *weights = op->weights + c * pitch + (i * op->kernel_width + taps_w.first) * depth;
                for (int32_t t = 0; t < count; t += taps_per_run)
                    sum += td_dot_1(x + t * step, op->input_offset, weights + t * depth, run);
            }
            out[c] = finish(op, c, sum);
        }
    }
}

static void conv_row(const td_conv_2d *op, const td_tensor *in, int32_t h, int8_t *out, int32_t width, int32_t channels)
{
    const int32_t pads_left_or_top = op->pad_top | op->pad_left;
    const int32_t fits = (width - 1) * op->stride_width < in->width && h * op->stride_height < in->height;
    if (op->kernel_height == 1 && op->kernel_width == 1 && pads_left_or_top == 0 && fits)
        pointwise_row(op, td_row(in, h * op->stride_height), in->channels, out, width, channels);
    else
        window_row(op, in, h, out, width, channels);
}

void td_conv_2d_s8(const td_conv_2d *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last,
                   void *scratch)
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
            conv_row(op, in, i, pool ? scratch : row, width, channels);
            if (pool)
                td_max_pool_row(pool, scratch, row, out->width, channels);
        }
        if (pool)
            td_finish_max_pool_row(pool, row, out->width, channels);
    }
}
