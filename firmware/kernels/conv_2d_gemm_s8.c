/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution as products of matrices.
 *
 * Pixels are made in chunks of op->pixels: the taps of each are gathered and widened once, then multiplied by the
 * weights of 4 output channels after the other, which are widened once for each chunk. */
#include <string.h>

#include "td_gemm.h"
#include "td_kernels.h"
#include "td_window.h"

typedef struct {
    const td_conv_2d_gemm *op;
    const td_tensor *in;
    int32_t width;    /* of the convolution's rows */
    int32_t channels; /* of its output */
    int32_t inside_first; /* pixels [first, last) of a row whose windows lie inside the input's width ... */
    int32_t inside_last;  /* ... and are runs of bytes without a gap, in fours; else an empty range */
    char *pixels;
    char *weights;
    char *results;
    int8_t *taps;
} job;

static td_range rows_inside(const job *j, int32_t origin)
{
    return td_taps_inside(origin, j->op->dilation_height, j->op->kernel_height, j->in->height);
}

/* The taps of pixel (h, w), padding as the zero point. */
static void gather_pixel(const job *j, int32_t h, int32_t w, int8_t *to)
{
    const td_conv_2d_gemm *op = j->op;
    const int32_t depth = j->in->channels;
    const int32_t origin_h = h * op->stride_height - op->pad_top;
    const int32_t origin_w = w * op->stride_width - op->pad_left;
    const td_range taps_h = rows_inside(j, origin_h);
    const td_range taps_w = td_taps_inside(origin_w, op->dilation_width, op->kernel_width, j->in->width);
    const int32_t taps_per_run = op->dilation_width == 1 ? taps_w.last - taps_w.first : 1;

    memset(to, op->input_zero_point, (size_t)op->depth);
    for (int32_t i = taps_h.first; i < taps_h.last; i++) {
        const int8_t *row = td_row(j->in, origin_h + i * op->dilation_height);
        for (int32_t t = taps_w.first; t < taps_w.last; t += taps_per_run)
            memcpy(to + (i * op->kernel_width + t) * depth, row + (origin_w + t * op->dilation_width) * depth,
                   (size_t)(taps_per_run * depth));
    }
}

/* `pairs` pairs of pixels from (h, w) on, all of them inside the width. */
static void widen_inside(const job *j, int32_t h, int32_t w, int32_t pairs, char *to)
{
    const td_conv_2d_gemm *op = j->op;
    const int32_t depth = j->in->channels;
    const int32_t run = op->kernel_width * depth;
    const int32_t origin_h = h * op->stride_height - op->pad_top;
    const td_range taps_h = rows_inside(j, origin_h);
    const int32_t start = (w * op->stride_width - op->pad_left) * depth;
    const int32_t pair_pitch = 4 * op->depth;

    for (int32_t i = 0; i < op->kernel_height; i++, to += 4 * run) {
        if (i >= taps_h.first && i < taps_h.last)
            td_widen_pixels(to, td_row(j->in, origin_h + i * op->dilation_height) + start, run, pairs,
                            op->stride_width * depth, pair_pitch);
        else
            for (int32_t pair = 0; pair < pairs; pair++) {
                uint32_t *word = (void *)(to + pair * pair_pitch);
                for (int32_t k = 0; k < run; k++)
                    *word++ = 0x20002U * (uint32_t)(op->input_zero_point + 128);
            }
    }
}

/* Gathers and widens `count` pixels from the one of number `pixel`, counted from row `h` on. The last of an odd number
 * comes twice. */
static void widen_pixels(const job *j, int32_t h, int32_t pixel, int32_t count)
{
    const td_conv_2d_gemm *op = j->op;
    char *to = j->pixels;
    int32_t w = pixel;
    for (; w >= j->width; w -= j->width)
        h++;
    for (int32_t done = 0; done < count;) {
        int32_t inside = w >= j->inside_first && w < j->inside_last ? j->inside_last - w : 0;
        if (inside > count - done)
            inside = count - done;
        int32_t pairs = inside / 2;
        if (pairs)
            widen_inside(j, h, w, pairs, to);
        else {
            gather_pixel(j, h, w, j->taps);
            if (done + 1 == count)
                memcpy(j->taps + op->depth, j->taps, (size_t)op->depth);
            else if (w + 1 < j->width)
                gather_pixel(j, h, w + 1, j->taps + op->depth);
            else
                gather_pixel(j, h + 1, 0, j->taps + op->depth);
            pairs = 1;
            td_widen_pixels(to, j->taps, op->depth, 1, op->depth, 0);
        }
        to += pairs * 4 * op->depth;
        done += 2 * pairs;
        for (w += 2 * pairs; w >= j->width; w -= j->width)
            h++;
    }
}

static void fill_block(const job *j, int32_t c, int32_t channels, td_gemm_block *block)
{
    const td_conv_2d_gemm *op = j->op;
    uint32_t lifts = 0;
    uint32_t drops = 0;
    for (int32_t i = 0; i < channels; i++) {
        const td_channel *channel = &op->channels[c + i];
        const int32_t shift = -channel->shift;
        int32_t offset = op->output_offset;
        if (op->finish == TD_FINISH_CLAMPED) {
            const int32_t lift = 255 - (channel->high - channel->low);
            offset -= channel->low;
            lifts |= (uint32_t)lift << 8 * i;
            drops |= ((uint32_t)(channel->low - lift) & 255U) << 8 * i;
        }
        block->bias[i] = channel->bias;
        block->scales[i].multiplier = channel->multiplier;
        block->scales[i].addend = (int32_t)((uint32_t)(2 * offset + 1) << ((uint32_t)(shift - 1) & 31U));
        block->scales[i].shift = shift;
    }
    block->lift = lifts;
    block->drop = drops;
}

/* Results of the sums of `count` pixels. */
static void finish_sums(const job *j, const int32_t *sums, int32_t c, int32_t channels, int32_t count, int8_t *out)
{
    for (int32_t p = 0; p < count; p++, sums += 4, out += j->channels)
        for (int32_t i = 0; i < channels; i++) {
            const td_channel *channel = &j->op->channels[c + i];
            const int32_t value = td_requantize(sums[i] / 2, channel->multiplier, channel->shift);
            out[i] = (int8_t)td_clamp(td_add_wrapping(value, j->op->output_offset), channel->low, channel->high);
        }
}

static void copy_results(const int8_t *from, int8_t *to, int32_t pitch, int32_t channels, int32_t count)
{
    for (int32_t p = 0; p < count; p++, from += 4, to += pitch)
        for (int32_t i = 0; i < channels; i++)
            to[i] = from[i];
}

static void multiply_pairs(const job *j, td_gemm_block *block, int32_t first, int8_t *out, int32_t pitch, int32_t pairs)
{
    block->pixels = j->pixels + first * 4 * j->op->depth;
    block->out = out;
    block->pitch = pitch;
    block->out_end = out + 2 * pitch * pairs;
    j->op->multiply(block);
}

/* All channels of `count` widened pixels. */
static void multiply_chunk(const job *j, int32_t count, int8_t *out)
{
    const td_conv_2d_gemm *op = j->op;
    const int32_t pairs = (count + 1) / 2;
    const int8_t *weights = op->weights;
    int8_t *results = (int8_t *)j->results;
    td_gemm_block block = {.weights = j->weights, .weights_end = j->weights + 8 * op->depth};

    for (int32_t c = 0; c < j->channels; c += 4, weights += 4 * op->depth) {
        const int32_t channels = j->channels - c < 4 ? j->channels - c : 4;
        td_widen_weights(j->weights, weights, weights + 4 * op->depth);
        fill_block(j, c, channels, &block);
        if (op->finish == TD_FINISH_SUMS) {
            multiply_pairs(j, &block, 0, results, 16, pairs);
            finish_sums(j, (const int32_t *)(void *)results, c, channels, count, out + c);
        } else if (channels < 4) {
            multiply_pairs(j, &block, 0, results, 4, pairs);
            copy_results(results, out + c, j->channels, channels, count);
        } else {
            if (count > 1)
                multiply_pairs(j, &block, 0, out + c, j->channels, count / 2);
            if (count & 1) {
                multiply_pairs(j, &block, count / 2, results, 4, 1);
                copy_results(results, out + c + (count - 1) * j->channels, j->channels, 4, 1);
            }
        }
    }
}

/* `count` pixels from the beginning of row `h` on, one behind the other in the result. */
static void make_pixels(const job *j, int32_t h, int32_t count, int8_t *out)
{
    for (int32_t done = 0; done < count;) {
        const int32_t chunk = count - done < j->op->pixels ? count - done : j->op->pixels;
        widen_pixels(j, h, done, chunk);
        multiply_chunk(j, chunk, out + done * j->channels);
        done += chunk;
    }
}

static job make_job(const td_conv_2d_gemm *op, const td_tensor *in, int32_t width, int32_t channels, char *scratch)
{
    const int32_t run = op->kernel_width * in->channels;
    const td_range inside = {(op->pad_left + op->stride_width - 1) / op->stride_width,
                             (in->width - op->kernel_width + op->pad_left) / op->stride_width + 1};
    const int32_t runs = run % 4 == 0 && (op->dilation_width == 1 || op->kernel_width == 1);
    const int32_t result_bytes = op->finish == TD_FINISH_SUMS ? 16 : 4;
    job j = {.op = op, .in = in, .width = width, .channels = channels};
    if (runs && in->width >= op->kernel_width) {
        j.inside_first = inside.first;
        j.inside_last = inside.last < width ? inside.last : width;
    }
    j.pixels = scratch;
    j.weights = j.pixels + 2 * op->depth * op->pixels;
    j.results = j.weights + 8 * op->depth + 16;
    j.taps = (int8_t *)j.results + result_bytes * op->pixels;
    return j;
}

/* Rows from `h` on, up to `last`, that lie one behind the other. */
static int32_t count_adjacent(const td_tensor *tensor, int32_t h, int32_t last)
{
    const int32_t row_bytes = tensor->width * tensor->channels;
    int32_t count = 1;
    while (h + count < last && td_row(tensor, h + count) == td_row(tensor, h + count - 1) + row_bytes)
        count++;
    return count;
}

/* A pointwise convolution takes adjacent rows as one long row. */
static void make_rows(job *j, const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t width = j->width;
    const int32_t inside_last = j->inside_last;
    for (int32_t h = first, rows; h < last; h += rows) {
        rows = count_adjacent(out, h, last);
        if (j->op->pointwise) {
            rows = count_adjacent(j->in, h, h + rows);
            j->width = rows * width;
            j->inside_last = inside_last ? j->width : 0;
        }
        make_pixels(j, h, rows * width, td_row(out, h));
    }
}

static void make_pooled_row(const job *j, const td_tensor *out, int32_t h)
{
    const td_max_pool_2d *pool = j->op->pool;
    int8_t *row = td_row(out, h);
    int8_t *unpooled = j->taps + 2 * j->op->depth;
    const td_range rows = td_pooled_rows(pool, h);
    td_start_max_pool_row(pool, row, out->width, out->channels);
    for (int32_t i = rows.first; i < rows.last; i++) {
        make_pixels(j, i, j->width, unpooled);
        td_max_pool_row(pool, unpooled, row, out->width, out->channels);
    }
    td_finish_max_pool_row(pool, row, out->width, out->channels);
}

void td_conv_2d_gemm_s8(const td_conv_2d_gemm *op, const td_tensor *in, const td_tensor *out, int32_t first,
                        int32_t last, void *scratch)
{
    job j = make_job(op, in, op->pool ? op->pool->in_width : out->width, out->channels, scratch);
    if (op->pool == NULL)
        make_rows(&j, out, first, last);
    else
        for (int32_t h = first; h < last; h++)
            make_pooled_row(&j, out, h);
}
