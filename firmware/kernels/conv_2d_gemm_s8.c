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

/* Pixels of the result, `pitch` bytes from one to the next, and where they are widened. */
typedef struct {
    const char *pixels;
    int8_t *out;
    int8_t *out_end;
    int32_t pitch;
    int32_t count;
} stretch;

enum { MOST_STRETCHES = 16 }; /* of a chunk */

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

/* Rows from `h` on, up to `last`, that lie one behind the other. */
static int32_t count_adjacent(const td_tensor *tensor, int32_t h, int32_t last)
{
    const int32_t row_bytes = tensor->width * tensor->channels;
    int32_t count = 1;
    while (h + count < last && td_row(tensor, h + count) == td_row(tensor, h + count - 1) + row_bytes)
        count++;
    return count;
}

/* How many pixels from (h, w) on, of `count`, widen_inside can make. */
static int32_t count_inside(const job *j, int32_t h, int32_t w, int32_t count)
{
    if (w < j->inside.first || w >= j->inside.last)
        return 0;
    int32_t inside = j->inside.last - w;
    if (j->op->pointwise && inside < count)
        inside = count_adjacent(j->in, h, h + (w + count + j->width - 1) / j->width) * j->width - w;
    return inside < count ? inside : count;
}

/* Gathers and widens `count` pixels from (h, w) on. The last of an odd number comes twice. */
TD_NOINLINE static void widen_pixels(const job *j, int32_t h, int32_t w, int32_t count)
{
    const td_conv_2d_gemm *op = j->op;
    int32_t pair = 0;
    const int32_t pitch = op->stride_width * j->in->channels;
    while (count > 0) {
        const int32_t inside = count_inside(j, h, w, count);
        int32_t pairs = inside / 2;
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

/* The half of what the result is shifted by, and the offset; ~shift is -shift - 1. */
static int32_t make_addend(int32_t offset, int32_t shift)
{
    return (int32_t)((uint32_t)(2 * offset + 1) << ((uint32_t)~shift & 31U));
}

/* Bounds of the channels [c, c + channels), once the rest of the block is there. */
TD_NOINLINE static void fill_bounds(const job *j, int32_t c, int32_t channels, td_gemm_block *block)
{
    const td_conv_2d_gemm *op = j->op;
    const td_channel *channel = op->channels + c;
    const int8_t *high = op->highs.bounds + c * op->highs.step;
    block->lift = block->drop = 0;
    for (int32_t i = 0; i < channels; i++, channel++, high += op->highs.step) {
        const int32_t lift = 255 - (*high - channel->low);
        block->scales[i].addend = make_addend(op->output_offset - channel->low, channel->shift);
        block->lift |= (uint32_t)lift << 8 * i;
        block->drop |= ((uint32_t)(channel->low - lift) & 255U) << 8 * i;
    }
}

static void fill_block(const job *j, int32_t c, int32_t channels, td_gemm_block *block)
{
    const td_channel *channel = j->op->channels + c;
    const int32_t offset = j->op->output_offset;
    for (int32_t i = 0; i < channels; i++, channel++) {
        const int32_t shift = channel->shift;
        block->bias[i] = channel->bias;
        block->scales[i].multiplier = channel->multiplier;
        block->scales[i].shift = -shift;
        block->scales[i].addend = make_addend(offset, shift);
    }
    if (j->op->clamped)
        fill_bounds(j, c, channels, block);
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
static void copy_results(const job *j, const int8_t *from, int32_t c, int32_t channels, const stretch *to)
{
    int8_t *out = to->out + c;
    for (int32_t p = 0; p < to->count; p++, from += j->op->block, out += to->pitch)
        for (int32_t i = 0; i < channels; i++)
            out[i] = from[i];
}

/* One block of channels of a stretch that is no whole number of groups or where the block is none of channels: by way
 * of a place of its own. */
TD_NOINLINE static void multiply_apart(const job *j, td_gemm_block *block, int32_t c, const stretch *to)
{
    const td_conv_2d_gemm *op = j->op;
    const int32_t channels = j->channels - c < op->block ? j->channels - c : op->block;
    const int32_t count = (to->count + op->group - 1) & -op->group;

    block->pixels = to->pixels;
    block->pitch = op->finish_sums ? 16 : op->block;
    block->out = (int8_t *)j->results;
    block->out_end = block->out + count * block->pitch;
    op->multiply(block);
    if (op->finish_sums)
        op->finish_sums(op, (const int32_t *)(void *)j->results, c, channels, to->count, to->out + c, to->pitch);
    else
        copy_results(j, (const int8_t *)j->results, c, channels, to);
}

/* All channels of the widened pixels of a chunk. */
TD_NOINLINE static void multiply_chunk(const job *j, const stretch *list, const stretch *end)
{
    const td_conv_2d_gemm *op = j->op;
    const int32_t weight_bytes = op->block * op->depth;
    const int8_t *weights = op->weights;
    const stretch *const whole = end - ((end[-1].count & (op->group - 1)) != 0);
    td_gemm_block block = {.weights = j->weights, .weights_end = j->weights + 2 * weight_bytes};

    for (int32_t c = 0; c < j->channels; c += op->block, weights += weight_bytes) {
        const int32_t channels = j->channels - c < op->block ? j->channels - c : op->block;
        const stretch *to = list;
        if (op->widen_weights)
            op->widen_weights(j->weights, weights, weights + weight_bytes);
        else {
            block.weights = weights;
            block.weights_end = weights + weight_bytes;
        }
        fill_block(j, c, channels, &block);
        if (channels == op->block && !op->finish_sums)
            for (; to < whole; to++) {
                block.pixels = to->pixels;
                block.out = to->out + c;
                block.pitch = to->pitch;
                block.out_end = to->out_end + c;
                op->multiply(&block);
            }
        for (; to < end; to++)
            multiply_apart(j, &block, c, to);
    }
}

static stretch make_stretch(const job *j, int32_t pixel, int8_t *out, int32_t count, int32_t pitch)
{
    return (stretch){j->pixels + pixel * 2 * j->op->depth, out, out + count * pitch, pitch, count};
}

/* Where the pixels from (h, w) on go, up to row `last`: as many as make a chunk, in stretches that begin with a group
 * and, but for the last, end with one. Returns their end. */
TD_NOINLINE static stretch *list_stretches(const job *j, const td_tensor *out, int32_t h, int32_t w, int32_t last, stretch *list)
{
    const int32_t group = j->op->group;
    const int32_t pitch = j->channels;
    stretch *to = list;
    int32_t done = 0;
    int32_t over = 0; /* pixels behind the last whole group */

    while (h < last && done < j->op->pixels && to + 3 <= list + MOST_STRETCHES) {
        const int32_t left = j->op->pixels - done;
        const int32_t end = h + (w + left + j->width - 1) / j->width;
        const int32_t rows = count_adjacent(out, h, end < last ? end : last);
        int8_t *place = td_row(out, h) + w * pitch;
        int32_t count = rows * j->width - w;
        count = count < left ? count : left;
        if (over) {
            if (group != 2)
                break;
            /* The pixel that is over and the first one here make a group. */
            const stretch before = *--to;
            int8_t *const alone = before.out_end - pitch;
            if (before.count > 1)
                *to++ = make_stretch(j, done - before.count, before.out, before.count - 1, pitch);
            *to++ = make_stretch(j, done - 1, alone, 2, (int32_t)(place - alone));
            place += pitch;
            count--;
            done++;
        }
        if (count)
            *to++ = make_stretch(j, done, place, count, pitch);
        done += count;
        over = count & (group - 1);
        w = 0;
        h += rows;
    }
    if (over && to[-1].count > over) {
        const stretch all = to[-1];
        to[-1] = make_stretch(j, done - all.count, all.out, all.count - over, pitch);
        *to++ = make_stretch(j, done - over, all.out_end - over * pitch, over, pitch);
    }
    return to;
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

/* Rows [first, last) of the convolution. */
static void make_rows(const job *j, const td_tensor *out, int32_t first, int32_t last)
{
    stretch stretches[MOST_STRETCHES];
    for (int32_t h = first, w = 0; h < last;) {
        stretch *const end = list_stretches(j, out, h, w, last, stretches);
        int32_t count = 0;
        for (const stretch *to = stretches; to < end; to++)
            count += to->count;
        widen_pixels(j, h, w, count);
        multiply_chunk(j, stretches, end);
        for (w += count; w >= j->width; w -= j->width)
            h++;
    }
}

static void make_pooled_row(const job *j, const td_tensor *out, int32_t h)
{
    const td_max_pool_2d *pool = j->op->pool;
    const td_tensor unpooled = {.base = j->unpooled, .width = j->width, .channels = j->channels};
    int8_t *row = td_row(out, h);
    const td_range rows = td_pooled_rows(pool, h);
    td_start_max_pool_row(pool, row, out->width, out->channels);
    for (int32_t i = rows.first; i < rows.last; i++) {
        make_rows(j, &unpooled, i, i + 1);
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
