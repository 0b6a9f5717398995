/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution: four output channels at a time, so that each input byte is fetched once for four products. */
#include "td_kernels.h"
#include "td_window.h"

/* sums[i] += sum of weights[i * pitch + k] * (x[k] + offset) over k in [0, n). */
static inline void dot_4(const int8_t *x, int32_t offset, const int8_t *weights, int32_t pitch, int32_t n,
                         int32_t sums[4])
{
    const int8_t *w0 = weights;
    const int8_t *w1 = w0 + pitch;
    const int8_t *w2 = w1 + pitch;
    const int8_t *w3 = w2 + pitch;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (int32_t k = 0; k < n; k++) {
        const int32_t value = x[k] + offset;
        s0 += w0[k] * value;
        s1 += w1[k] * value;
        s2 += w2[k] * value;
        s3 += w3[k] * value;
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

static inline int32_t dot_1(const int8_t *x, int32_t offset, const int8_t *weights, int32_t n)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < n; k++)
        sum += weights[k] * (x[k] + offset);
    return sum;
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
            dot_4(x, op->input_offset, weights, depth, depth, sums);
            for (int32_t i = 0; i < 4; i++)
                out[c + i] = td_finish_channel(sums[i], &op->channels[c + i], op->output_offset);
        }
        for (; c < channels; c++, weights += depth)
            out[c] = td_finish_channel(dot_1(x, op->input_offset, weights, depth), &op->channels[c],
                                       op->output_offset);
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
        const int32_t start = (origin_w + taps_w.first * op->dilation_width) * depth;
        const int32_t step = op->dilation_width * depth;

        int32_t c = 0;
        for (; c + 4 <= channels; c += 4) {
            int32_t sums[4] = {0, 0, 0, 0};
            for (int32_t i = taps_h.first; i < taps_h.last; i++) {
                const int8_t *row = td_row(in, origin_h + i * op->dilation_height);
                const int8_t *weights = op->weights + c * pitch + i * op->kernel_width * depth;
                for (int32_t t = 0; t < count; t += taps_per_run)
                    dot_4(row + start + t * step, op->input_offset, weights + (taps_w.first + t) * depth, pitch, run,
                          sums);
            }
            for (int32_t i = 0; i < 4; i++)
                out[c + i] = td_finish_channel(sums[i], &op->channels[c + i], op->output_offset);
        }
        for (; c < channels; c++) {
            int32_t sum = 0;
            for (int32_t i = taps_h.first; i < taps_h.last; i++) {
                const int8_t *row = td_row(in, origin_h + i * op->dilation_height);
                const int8_t *weights = op->weights + c * pitch + i * op->kernel_width * depth;
                for (int32_t t = 0; t < count; t += taps_per_run)
                    sum += dot_1(row + start + t * step, op->input_offset, weights + (taps_w.first + t) * depth, run);
            }
            out[c] = td_finish_channel(sum, &op->channels[c], op->output_offset);
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

    for (int32_t h = first; h < last; h++) {
        int8_t *row = td_row(out, h);
        if (!pool) {
            conv_row(op, in, h, row, out->width, channels);
            continue;
        }
        const int32_t origin = h * pool->stride_height - pool->pad_top;
        const td_range taps = td_taps_inside(origin, 1, pool->kernel_height, pool->in_height);
        td_start_max_pool_row(pool, row, out->width, channels);
        for (int32_t i = taps.first; i < taps.last; i++) {
            conv_row(op, in, origin + i, scratch, pool->in_width, channels);
            td_max_pool_row(pool, scratch, row, out->width, channels);
        }
        td_finish_max_pool_row(pool, row, out->width, channels);
    }
}
