/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution with little scratch: the taps of two pixels are copied, then multiplied by all weights. */
#include <string.h>

#include "td_kernels.h"
#include "td_window.h"

typedef struct {
    const td_conv_2d_pair *op;
    const td_tensor *in;
    int32_t channels; /* of the output */
    int8_t *taps;     /* of both pixels, as they are multiplied */
    int8_t *narrow;   /* where they are copied to: four of one, four of the other; the end of wide ones is there, too */
} job;

/* From tap `tap` of a pixel on. */
static void copy_taps(int8_t *to, int32_t tap, const int8_t *from, int32_t count)
{
    if (((tap | count) & 3) == 0) {
        int8_t *word = to + 2 * tap;
        for (; count > 0; count -= 4, word += 8, from += 4)
            memcpy(word, from, 4);
        return;
    }
    for (const int32_t end = tap + count; tap < end; tap++)
        to[2 * (tap & ~3) + (tap & 3)] = *from++;
}

static void fill_taps(const td_conv_2d_pair *op, int8_t *to)
{
    const uint32_t padding = 0x01010101U * (uint8_t)op->input_zero_point;
    for (int32_t tap = 0; tap < op->depth; tap += 4, to += 8)
        memcpy(to, &padding, 4);
}

/* The taps of pixel (h, w), padding as the zero point. */
static void gather_pixel(const job *j, int32_t h, int32_t w, int8_t *to)
{
    const td_conv_2d_pair *op = j->op;
    const int32_t depth = j->in->channels;
    const int32_t origin_h = h * op->stride_height - op->pad_top;
    const int32_t origin_w = w * op->stride_width - op->pad_left;
    const td_range taps_h = td_taps_inside(origin_h, op->dilation_height, op->kernel_height, j->in->height);
    const td_range taps_w = td_taps_inside(origin_w, op->dilation_width, op->kernel_width, j->in->width);
    const int32_t width = taps_w.last - taps_w.first;
    const int32_t taps_per_run = op->dilation_width == 1 ? width : 1;

    if (width < op->kernel_width || taps_h.last - taps_h.first < op->kernel_height)
        fill_taps(op, to);
    for (int32_t i = taps_h.first; i < taps_h.last; i++) {
        const int8_t *row = td_row(j->in, origin_h + i * op->dilation_height);
        for (int32_t t = taps_w.first; t < taps_w.last; t += taps_per_run)
            copy_taps(to, (i * op->kernel_width + t) * depth, row + (origin_w + t * op->dilation_width) * depth,
                      taps_per_run * depth);
    }
}

/* All channels of the two pixels whose taps are there. */
static void multiply_taps(const job *j, int8_t *x, int8_t *y)
{
    const td_conv_2d_pair *op = j->op;
    const int32_t even = j->channels & ~1;
    int8_t *const end = j->narrow + 2 * op->depth;
    td_pair pair = {.taps = j->taps,
                           .taps_end = end,
                           .weights = op->weights,
                           .channels = op->channels,
                           .channels_end = op->channels + even,
                           .x = x,
                           .y = y,
                           .rounding = 2 * op->output_offset + 1,
                           .highs = op->highs};
    if (op->wide)
        td_pair_widen(j->taps, j->narrow, end);
    op->multiply(&pair);
    if (even == j->channels)
        return;
    pair.weights += even * op->depth;
    pair.channels += even - 1;
    pair.channels_end += 1;
    pair.x += even - 1;
    pair.y += even - 1;
    pair.highs.bounds += (even - 1) * op->highs.step;
    op->multiply(&pair);
}

static job make_job(const td_conv_2d_pair *op, const td_tensor *in, int32_t channels, int8_t *scratch)
{
    return (job){op, in, channels, scratch, scratch + (op->wide ? 2 * op->depth : 0)};
}

void td_conv_2d_pair_s8(const td_conv_2d_pair *op, const td_tensor *in, const td_tensor *out, int32_t first,
                          int32_t last, void *scratch)
{
    const job j = make_job(op, in, out->channels, scratch);
    int32_t w = 0;
    for (int32_t h = first; h < last;) {
        int8_t *places[2];
        /* The last of an odd number of pixels is both. */
        for (int32_t i = 0; i < 2; i++) {
            places[i] = td_row(out, h) + w * out->channels;
            gather_pixel(&j, h, w, j.narrow + 4 * i);
            if (i == 1 || w + 1 < out->width || h + 1 < last) {
                if (++w == out->width) {
                    w = 0;
                    h++;
                }
            }
        }
        multiply_taps(&j, places[0], places[1]);
    }
}

/* The pixels of row `h` under the windows of a pooled row. */
static void pool_row(const job *j, int32_t h, int8_t *row, int32_t width)
{
    const td_max_pool_2d *pool = j->op->pool;
    int8_t *const x = j->narrow + 2 * j->op->depth;
    int8_t *const y = x + j->channels;
    for (int32_t w = 0; w < width; w++, row += j->channels) {
        const int32_t origin = w * pool->stride_width - pool->pad_left;
        const td_range taps = td_taps_inside(origin, 1, pool->kernel_width, pool->in_width);
        for (int32_t t = taps.first; t < taps.last; t += 2) {
            gather_pixel(j, h, origin + t, j->narrow);
            gather_pixel(j, h, origin + (t + 1 < taps.last ? t + 1 : t), j->narrow + 4);
            multiply_taps(j, x, y);
            td_take_larger(row, x, y, j->channels);
        }
    }
}

void td_conv_2d_pair_pooled_s8(const td_conv_2d_pair *op, const td_tensor *in, const td_tensor *out, int32_t first,
                                 int32_t last, void *scratch)
{
    const job j = make_job(op, in, out->channels, scratch);
    for (int32_t h = first; h < last; h++) {
        int8_t *row = td_row(out, h);
        const td_range rows = td_pooled_rows(op->pool, h);
        td_start_max_pool_row(op->pool, row, out->width, out->channels);
        for (int32_t i = rows.first; i < rows.last; i++)
            pool_row(&j, i, row, out->width);
        td_finish_max_pool_row(op->pool, row, out->width, out->channels);
    }
}
