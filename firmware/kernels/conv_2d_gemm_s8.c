/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution as products of matrices.
 *
 * Pixels are made in chunks of op->pixels: the taps of each are gathered and widened once, then multiplied by the
 * weights of one block of output channels after the other; most loops want these widened, too, once for each chunk. */
#include <string.h>

#include "td_gemm.h"
#include "td_kernels.h"
#include "td_window.h"

typedef struct {
    const td_conv_2d_gemm *op;
    const td_tensor *in;
    int32_t width;    /* of the convolution's rows */
    int32_t channels; /* of its output */
    td_range inside;  /* pixels of a row that widen_inside can make */
    char *pixels;
    char *weights;
    char *results;
    int8_t *taps;     /* where weights and results go later */
    int8_t *unpooled; /* behind both */
} job;

static td_range rows_inside(const job *j, int32_t origin)
{
    return td_taps_inside(origin, j->op->dilation_height, j->op->kernel_height, j->in->height);
}

/* Both for few bytes: a call of memcpy or memset costs more. */
static void copy_bytes(int8_t *to, const int8_t *from, int32_t count)
{
    for (; count >= 4; count -= 4, to += 4, from += 4)
        memcpy(to, from, 4);
    for (; count > 0; count--)
        *to++ = *from++;
}

static void fill_words(void *to, uint32_t word, int32_t count)
{
    for (uint32_t *t = to; count > 0; count--)
        *t++ = word;
}

/* Where the widened pair of pixels [2 * pair, 2 * pair + 2) begins. */
static char *widened(const job *j, int32_t pair)
{
    const int32_t bytes = 4 * j->op->depth;
    return j->op->group == 2 ? j->pixels + pair * bytes : j->pixels + (pair & ~1) * bytes + (pair & 1) * 8;
}

/* Widens `taps` bytes of `pairs` pairs of pixels, from the tap of number `tap` of pair `pair` on. */
static void widen_run(const job *j, int32_t pair, int32_t tap, const int8_t *from, int32_t taps, int32_t pairs,
                      int32_t pitch)
{
    td_widen_layout layout = {.pixel_pitch = pitch, .pair_pitch = 2 * pitch, .to_pitch = 4 * j->op->depth};
    if (!j->op->widen_apart) {
        td_widen_pixels(widened(j, pair) + 4 * tap, from, taps, pairs, &layout);
        return;
    }
    layout.pair_pitch = 4 * pitch;
    layout.to_pitch = 8 * j->op->depth;
    j->op->widen_apart(widened(j, pair) + 8 * tap, from, taps, (pairs + 1) / 2, &layout);
    if (pairs > 1)
        j->op->widen_apart(widened(j, pair + 1) + 8 * tap, from + 2 * pitch, taps, pairs / 2, &layout);
}

/* The same of padding. */
static void widen_padding(const job *j, int32_t pair, int32_t tap, int32_t taps, int32_t pairs)
{
    const uint32_t word = 0x20002U * (uint32_t)(j->op->input_zero_point + 128);
    const int32_t words = j->op->group; /* of a pair of taps */
    for (int32_t end = pair + pairs; pair < end; pair++) {
        uint32_t *to = (void *)(widened(j, pair) + 2 * words * tap);
        for (int32_t i = 0; i < taps / 2; i++, to += words)
            to[0] = to[1] = word;
    }
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

    fill_words(to, 0x01010101U * (uint8_t)op->input_zero_point, op->depth / 4);
    for (int32_t i = taps_h.first; i < taps_h.last; i++) {
        const int8_t *row = td_row(j->in, origin_h + i * op->dilation_height);
        for (int32_t t = taps_w.first; t < taps_w.last; t += taps_per_run)
            copy_bytes(to + (i * op->kernel_width + t) * depth, row + (origin_w + t * op->dilation_width) * depth,
                       taps_per_run * depth);
    }
}

/* Whether the rows under row `h` of the convolution are all there. */
static int is_whole(const job *j, int32_t h)
{
    const td_range taps = rows_inside(j, h * j->op->stride_height - j->op->pad_top);
    return taps.last - taps.first == j->op->kernel_height;
}

/* `pairs` pairs of pixels from (h, w) on; with a pitch of 0, both of a pair are the same pixel. */
static void widen_inside(const job *j, int32_t h, int32_t w, int32_t pair, int32_t pairs, int32_t pitch)
{
    const td_conv_2d_gemm *op = j->op;
    const int32_t depth = j->in->channels;
    const int32_t run = op->kernel_width * depth;
    const int32_t origin_h = h * op->stride_height - op->pad_top;
    const td_range taps_h = rows_inside(j, origin_h);
    const int32_t start = (w * op->stride_width - op->pad_left) * depth;

    if (op->widen_rows) {
        const int8_t *rows[3];
        for (int32_t i = 0; i < 3; i++)
            rows[i] = td_row(j->in, origin_h + i * op->dilation_height) + start;
        op->widen_rows(widened(j, pair), rows, pairs, pitch);
        return;
    }
    for (int32_t i = 0; i < op->kernel_height; i++) {
        if (i >= taps_h.first && i < taps_h.last)
            widen_run(j, pair, i * run, td_row(j->in, origin_h + i * op->dilation_height) + start, run, pairs, pitch);
        else
            widen_padding(j, pair, i * run, run, pairs);
    }
}

/* One pair of pixels from (h, w) on, by way of a copy of their taps; `alone`: the second is the first again. */
static void widen_gathered(const job *j, int32_t h, int32_t w, int alone, int32_t pair)
{
    const td_conv_2d_gemm *op = j->op;
    const int32_t next_row = w + 1 == j->width;
    gather_pixel(j, h, w, j->taps);
    if (!alone)
        gather_pixel(j, h + next_row, next_row ? 0 : w + 1, j->taps + op->depth);
    const int32_t pitch = alone ? 0 : op->depth;
    if (op->widen_rows) {
        const int8_t *rows[3] = {j->taps, j->taps + 9, j->taps + 18};
        op->widen_rows(widened(j, pair), rows, 1, pitch);
    } else
        widen_run(j, pair, 0, j->taps, op->depth, 1, pitch);
}

/* Gathers and widens `count` pixels from the one of number `pixel`, counted from row `h` on. The last of an odd number
 * comes twice. */
static void widen_pixels(const job *j, int32_t h, int32_t pixel, int32_t count)
{
    const td_conv_2d_gemm *op = j->op;
    int32_t w = pixel;
    int32_t pair = 0;
    const int32_t pitch = op->stride_width * j->in->channels;
    for (; w >= j->width; w -= j->width)
        h++;
    while (count > 0) {
        const int32_t inside = w >= j->inside.first && w < j->inside.last ? j->inside.last - w : 0;
        int32_t pairs = (inside < count ? inside : count) / 2;
        if (inside && op->widen_rows && !is_whole(j, h))
            pairs = 0;
        const int alone = count == 1;
        if (pairs)
            widen_inside(j, h, w, pair, pairs, pitch);
        else if (alone && inside && !op->widen_rows)
            widen_inside(j, h, w, pair, 1, 0);
        else
            widen_gathered(j, h, w, alone, pair);
        pairs += pairs == 0;
        pair += pairs;
        count -= 2 * pairs;
        for (w += 2 * pairs; w >= j->width; w -= j->width)
            h++;
    }
}

static void fill_block(const job *j, int32_t c, int32_t channels, td_gemm_block *block)
{
    const td_conv_2d_gemm *op = j->op;
    const td_channel *channel = op->channels + c;
    const int8_t *high = op->highs.bounds + c * op->highs.step;
    const int32_t zero_point = op->output_offset;
    td_gemm_scale *scale = block->scales;
    uint32_t lifts = 0;
    uint32_t drops = 0;
    for (int32_t i = 0; i < channels; i++, channel++, scale++, high += op->highs.step) {
        int32_t offset = zero_point;
        if (op->clamped) {
            const int32_t lift = 255 - (*high - channel->low);
            offset -= channel->low;
            lifts |= (uint32_t)lift << 8 * i;
            drops |= ((uint32_t)(channel->low - lift) & 255U) << 8 * i;
        }
        block->bias[i] = channel->bias;
        scale->multiplier = channel->multiplier;
        scale->shift = -channel->shift;
        scale->addend = (int32_t)((uint32_t)(2 * offset + 1) << ((uint32_t)~channel->shift & 31U)); /* ~s is -s - 1 */
    }
    block->lift = lifts;
    block->drop = drops;
}

void td_conv_2d_gemm_finish(const td_conv_2d_gemm *op, const int32_t *sums, int32_t channel, int32_t channels,
                            int32_t count, int8_t *out, int32_t pitch)
{
    for (int32_t p = 0; p < count; p++, sums += 4, out += pitch)
        for (int32_t i = 0; i < channels; i++) {
            const td_channel *c = &op->channels[channel + i];
            const int32_t high = op->highs.bounds[(channel + i) * op->highs.step];
            const int32_t value = td_requantize(sums[i] / 2, c->multiplier, c->shift);
            out[i] = (int8_t)td_clamp(td_add_wrapping(value, op->output_offset), c->low, high);
        }
}

/* From pixels of a whole block of channels to their place. */
static void copy_results(const job *j, const int8_t *from, int8_t *to, int32_t channels, int32_t count)
{
    for (int32_t p = 0; p < count; p++, from += j->op->block, to += j->channels)
        for (int32_t i = 0; i < channels; i++)
            to[i] = from[i];
}

/* `count` pixels, a multiple of the group, from the one of number `first` on, which begins a group. */
static void multiply_pixels(const job *j, td_gemm_block *block, int32_t first, int32_t count, int8_t *out,
                            int32_t pitch)
{
    block->pixels = j->pixels + first * 2 * j->op->depth;
    block->out = out;
    block->pitch = pitch;
    block->out_end = out + count * pitch;
    j->op->multiply(block);
}

/* All channels of `count` widened pixels. What is no whole block of channels or group of pixels goes to a place of its
 * own first. */
static void multiply_chunk(const job *j, int32_t count, int8_t *out)
{
    const td_conv_2d_gemm *op = j->op;
    const int32_t weight_bytes = op->block * op->depth;
    const int32_t whole = count & -op->group;
    const int32_t all = whole == count ? count : whole + op->group;
    const int8_t *weights = op->weights;
    int8_t *results = (int8_t *)j->results;
    td_gemm_block block = {.weights = j->weights, .weights_end = j->weights + 2 * weight_bytes};

    for (int32_t c = 0; c < j->channels; c += op->block, weights += weight_bytes) {
        const int32_t channels = j->channels - c < op->block ? j->channels - c : op->block;
        if (op->widen_weights)
            op->widen_weights(j->weights, weights, weights + weight_bytes);
        else {
            block.weights = weights;
            block.weights_end = weights + weight_bytes;
        }
        fill_block(j, c, channels, &block);
        if (op->finish_sums) {
            multiply_pixels(j, &block, 0, all, results, 16);
            op->finish_sums(op, (const int32_t *)(void *)results, c, channels, count, out + c, j->channels);
        } else if (channels < op->block) {
            multiply_pixels(j, &block, 0, all, results, op->block);
            copy_results(j, results, out + c, channels, count);
        } else {
            if (whole)
                multiply_pixels(j, &block, 0, whole, out + c, j->channels);
            if (whole < count) {
                multiply_pixels(j, &block, whole, op->group, results, op->block);
                copy_results(j, results, out + c + whole * j->channels, channels, count - whole);
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
    const int32_t in_fours = op->kernel_width * in->channels % 4 == 0;
    const int32_t without_gaps = op->dilation_width == 1 || op->kernel_width == 1;
    const int32_t result_bytes = op->finish_sums ? 16 : 4;
    job j = {.op = op, .in = in, .width = width, .channels = channels};
    if (op->widen_rows || (in_fours && without_gaps && in->width >= op->kernel_width)) {
        j.inside.first = (op->pad_left + op->stride_width - 1) / op->stride_width;
        j.inside.last = (in->width - op->kernel_width + op->pad_left) / op->stride_width + 1;
        if (j.inside.last > width)
            j.inside.last = width;
    }
    j.pixels = scratch;
    j.weights = j.pixels + 2 * op->depth * op->pixels;
    j.results = j.weights + (op->widen_weights ? 2 * op->block * op->depth : 0) + 16;
    j.taps = (int8_t *)j.weights;
    j.unpooled = (int8_t *)j.results + result_bytes * op->pixels;
    if (j.unpooled < j.taps + 2 * op->depth)
        j.unpooled = j.taps + 2 * op->depth;
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
    for (int32_t h = first, rows; h < last; h += rows) {
        rows = count_adjacent(out, h, last);
        if (j->op->pointwise && j->inside.last) {
            rows = count_adjacent(j->in, h, h + rows);
            j->width = j->inside.last = rows * width;
        }
        make_pixels(j, h, rows * width, td_row(out, h));
    }
}

static void make_pooled_row(const job *j, const td_tensor *out, int32_t h)
{
    const td_max_pool_2d *pool = j->op->pool;
    int8_t *row = td_row(out, h);
    const td_range rows = td_pooled_rows(pool, h);
    td_start_max_pool_row(pool, row, out->width, out->channels);
    for (int32_t i = rows.first; i < rows.last; i++) {
        make_pixels(j, i, j->width, j->unpooled);
        td_max_pool_row(pool, j->unpooled, row, out->width, out->channels);
    }
    td_finish_max_pool_row(pool, row, out->width, out->channels);
}

void td_conv_2d_gemm_s8(const td_conv_2d_gemm *op, const td_tensor *in, const td_tensor *out, int32_t first,
                        int32_t last, void *scratch)
{
    job j = make_job(op, in, out->width, out->channels, scratch);
    make_rows(&j, out, first, last);
}

void td_conv_2d_gemm_pooled_s8(const td_conv_2d_gemm *op, const td_tensor *in, const td_tensor *out, int32_t first,
                               int32_t last, void *scratch)
{
    const job j = make_job(op, in, op->pool->in_width, out->channels, scratch);
    for (int32_t h = first; h < last; h++)
        make_pooled_row(&j, out, h);
}
