/* SPDX-License-Identifier: 0BSD */
/* Depthwise 2-D convolution by the core loops of td_planar.h.
 *
 * Four channels at a time: their input rows become planes, as many rows as there are slots, a band of output rows is
 * made of them, the rows that the next band needs too move up, and so on down the image. */
#include "td_kernels.h"

#define FOUR TD_PLANAR_CHANNELS

/* The part of a layer that is being made, and the scratch. */
typedef struct {
    const td_depthwise_conv_2d_planar *op;
    const td_tensor *in;
    int8_t *base;  /* of the output's rows, at the first column */
    int32_t first; /* output rows, not more than op->rows */
    int32_t last;
    int32_t in_first;       /* first input row inside of the image that they need */
    td_planar_row *planes;  /* [op->groups][op->slots] */
    uint32_t *groups;       /* which columns of the planes td_planar_load takes from the image */
    int32_t *in_rows;       /* from in->base to row in_first and those behind it */
    int32_t *out_rows;      /* from out->base to row `first` and those behind it */
    td_planar_source source;
    td_planar_band band;
} part;

static int32_t min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* Slots [slot, end) of groups [first, last) of padding. */
TD_NOINLINE static void load_padding(const part *p, int32_t first, int32_t last, int32_t slot, int32_t end)
{
    const uint32_t pair = (uint16_t)p->op->padding * 0x10001U;
    const td_planar_row padding = {{pair, pair, pair, pair, pair, pair, pair, pair}};
    td_planar_row *to = p->planes + first * p->op->slots;
    for (int32_t g = first; g < last; g++, to += p->op->slots)
        for (int32_t i = slot; i < end; i++)
            to[i] = padding;
}

/* Which columns td_planar_load takes from the image, `origin` being that of column 0 of the planes. Groups of nothing
 * but padding are made here and stay. */
static void mark_columns(part *p, int32_t origin)
{
    const int32_t groups = p->op->groups;
    const int32_t end = td_planar_whole_columns(p->in);
    int32_t first = groups, last = 0;
    for (int32_t g = 0; g < groups; g++) {
        const int32_t column = origin + 4 * g;
        uint32_t inside = 0;
        for (int32_t i = 0; i < 4; i++)
            inside = inside << 1 | (column + i >= 0 && column + i < end);
        p->groups[g] = inside << 28;
        if (column + 4 > 0 && column < p->in->width) {
            first = min(first, g);
            last = g + 1;
        }
    }
    last = max(first, last);
    load_padding(p, 0, first, 0, p->op->slots);
    load_padding(p, last, groups, 0, p->op->slots);
    p->source.groups = p->groups + first;
    p->source.groups_end = p->groups + last;
    p->source.column = origin + 4 * first;
    p->source.base = p->in->base + p->source.column * p->in->channels;
}

static void list_rows(part *p, const td_tensor *out)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const int32_t end = (p->last - 1) * op->stride_height - op->pad_top + op->kernel_height;
    int32_t *to = p->in_rows;
    p->in_first = max(p->first * op->stride_height - op->pad_top, 0);
    for (int32_t h = p->in_first; h < min(end, p->in->height); h++)
        *to++ = (int32_t)(td_row(p->in, h) - p->in->base);
    to = p->out_rows;
    for (int32_t h = p->first; h < p->last; h++)
        *to++ = (int32_t)(td_row(out, h) - out->base);
}

/* Slots [from, from + count) become the first ones. */
TD_NOINLINE static void move_rows(const part *p, int32_t from, int32_t count)
{
    td_planar_row *to = p->planes;
    for (int32_t g = 0; g < p->op->groups; g++, to += p->op->slots)
        for (int32_t i = 0; i < count; i++)
            to[i] = to[from + i];
}

/* Makes p->source the input rows [first, last), to be loaded from `slot` on, and those of padding among them padding. */
static void find_rows(part *p, int32_t slot, int32_t first, int32_t last)
{
    const int32_t groups = p->op->groups;
    const int32_t begin = min(max(first, 0), last);
    const int32_t end = max(min(last, p->in->height), begin);
    const int32_t start = (int32_t)(p->source.groups - p->groups) * p->op->slots;
    if (begin > first)
        load_padding(p, 0, groups, slot, slot + begin - first);
    if (last > end)
        load_padding(p, 0, groups, slot + end - first, slot + last - first);
    p->source.words = p->planes[start + slot + begin - first].words;
    p->source.rows = p->in_rows + begin - p->in_first;
    p->source.rows_end = p->in_rows + end - p->in_first;
}

/* Output channels [channel, channel + count), count <= 4, of the band, from planes `plane` bytes apart. */
TD_NOINLINE static void make_channels(part *p, int32_t channel, int32_t count, const uint32_t *words, int32_t plane,
                                      int prepared)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const td_planar_channel *channels = op->channels + channel;
    const int8_t *weights = op->weights + channel * op->kernel_height * op->kernel_width;
    td_planar_band *band = &p->band;

    band->words = words;
    band->plane = plane;
    band->base = p->base + channel;
    band->constants_end = band->constants + count * op->constant_words;
    if (!prepared)
        op->form->prepare(band, weights, channels, count, op->output_offset);
    op->form->multiply(band);
    if (op->bound)
        op->bound(band, channels, count);
    if (op->repair)
        op->repair(band, weights, channels, count, op->output_offset);
}

/* The band of the output channels that read input channels [channel, channel + count), count <= 4. */
static void make_band(part *p, int32_t channel, int32_t count, int prepared)
{
    const int32_t multiplier = p->op->depth_multiplier;
    const uint32_t *words = p->planes->words;
    if (p->source.rows != p->source.rows_end && p->source.groups != p->source.groups_end)
        td_planar_load(&p->source);
    if (p->op->load_end)
        p->op->load_end(&p->source, p->in);
    if (multiplier == 1) {
        make_channels(p, channel, count, words, 8, prepared);
        return;
    }
    /* Of each plane four channels at a time, the last of them perhaps once more. */
    for (int32_t i = 0; i < count; i++)
        for (int32_t c = 0; c < multiplier; c += FOUR) {
            const int32_t from = max(min(c, multiplier - FOUR), 0);
            make_channels(p, (channel + i) * multiplier + from, min(FOUR, multiplier), words + 2 * i, 0, 0);
        }
}

/* All rows of the same. */
static void make_bands(part *p, int32_t channel, int32_t count)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const int32_t kept = max(op->kernel_height - op->stride_height, 0); /* rows that a band and the next one need */
    int32_t loaded = 0;                                                 /* of them */

    for (int32_t h = p->first; h < p->last;) {
        const int32_t rows = min(op->band, p->last - h);
        const int32_t top = h * op->stride_height - op->pad_top;
        find_rows(p, loaded, top + loaded, top + (rows - 1) * op->stride_height + op->kernel_height);
        p->band.rows = p->out_rows + h - p->first;
        p->band.rows_end = p->band.rows + rows;
        make_band(p, channel, count, h > p->first);
        h += rows;
        loaded = kept;
        if (kept && h < p->last)
            move_rows(p, rows * op->stride_height, kept);
    }
}

void td_depthwise_conv_2d_planar_s8(const td_depthwise_conv_2d_planar *op, const td_tensor *in, const td_tensor *out,
                                    int32_t first, int32_t last, void *scratch)
{
    const int32_t channels = in->channels;
    part p;
    p.op = op;
    p.in = in;
    p.planes = scratch;
    p.groups = p.planes[op->groups * op->slots].words;
    p.band.constants = (int32_t *)(p.groups + op->groups);
    p.out_rows = p.band.constants + FOUR * op->constant_words;
    p.in_rows = p.out_rows + op->rows;
    p.source.pixel = channels;
    p.source.padding = (uint8_t)op->padding * 0x01010101U;
    p.source.pitch = p.band.pitch = (int32_t)sizeof(td_planar_row) * op->slots;
    p.band.pixel = out->channels;
    p.band.kernel_height = op->kernel_height;
    p.band.kernel_width = op->kernel_width;
    p.band.stride_height = op->stride_height;
    p.band.stride_width = op->stride_width;

    for (int32_t column = 0; column < out->width; column += op->columns) {
        p.band.width = min(op->columns, out->width - column);
        p.base = out->base + column * out->channels;
        mark_columns(&p, column * op->stride_width - op->pad_left);
        const int8_t *base = p.source.base;
        for (p.first = first; p.first < last; p.first = p.last) {
            p.last = min(p.first + op->rows, last);
            list_rows(&p, out);
            /* The last four channels may overlap the four before. With a single band the same rows are the source of
             * all channels, and rows of padding stay. */
            for (int32_t c = 0; c < channels; c += FOUR) {
                const int32_t channel = max(min(c, channels - FOUR), 0);
                p.source.base = base + channel;
                if (c == 0 || p.last - p.first > op->band)
                    make_bands(&p, channel, min(FOUR, channels));
                else
                    make_band(&p, channel, FOUR, 0);
            }
        }
    }
}
