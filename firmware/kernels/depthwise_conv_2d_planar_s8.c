/* SPDX-License-Identifier: 0BSD */
/* Depthwise 2-D convolution by the core loops of td_planar.h.
 *
 * Four channels at a time: their input rows become planes, as many rows as there are slots, a band of output rows is
 * made of them, the rows that the next band needs too move up, and so on down the image. */
#include "td_kernels.h"

#define FOUR TD_PLANAR_CHANNELS

/* The part of a layer that is being made, and the scratch. */
typedef struct td_planar_part {
    const td_depthwise_conv_2d_planar *op;
    int8_t *base;  /* of the output's rows, at the first column */
    int32_t first; /* output rows, not more than op->rows */
    int32_t last;
    int32_t in_height;
    int32_t taps;
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
static void mark_columns(part *p, const td_tensor *in, int32_t origin)
{
    const int32_t groups = p->op->groups;
    const int32_t end = td_planar_whole_columns(in) - origin;
    const int32_t first = min(max(-origin, 0) >> 2, groups);
    const int32_t last = max(min((in->width - origin + 3) >> 2, groups), first);
    const int32_t full_first = (max(-origin, 0) + 3) >> 2;
    const int32_t full_last = end >> 2;
    for (int32_t g = first; g < last; g++) {
        uint32_t inside = 15;
        if (g < full_first || g >= full_last)
            for (int32_t v = 4 * g; v < 4 * g + 4; v++)
                inside = (inside << 1 & 15) | (origin + v >= 0 && v < end);
        p->groups[g] = inside << 28;
    }
    if (first > 0)
        load_padding(p, 0, first, 0, p->op->slots);
    if (last < groups)
        load_padding(p, last, groups, 0, p->op->slots);
    p->source.groups = p->groups + first;
    p->source.groups_end = p->groups + last;
    p->source.column = origin + 4 * first;
    p->source.base = in->base + p->source.column * in->channels;
}

/* Where the rows [p->first, p->last) lie, and the input rows that they need. */
static void list_rows(part *p, const td_tensor *in, const td_tensor *out)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const int32_t end = (p->last - 1) * op->stride_height - op->pad_top + op->kernel_height;
    int32_t *to = p->in_rows;
    const int32_t in_last = min(end, in->height);
    p->in_first = max(p->first * op->stride_height - op->pad_top, 0);
    for (int32_t h = p->in_first; h < in_last; h++)
        *to++ = (int32_t)(td_row(in, h) - in->base);
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

/* The band of output rows from `h` on, at most to p->last: its input rows, of which the first `loaded` are in their
 * slots already, become p->source, and those of padding among them padding. */
static void find_band(part *p, int32_t h, int32_t loaded)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const int32_t rows = min(op->band, p->last - h);
    const int32_t top = h * op->stride_height - op->pad_top;
    const int32_t bottom = top + (rows - 1) * op->stride_height + op->kernel_height;
    const int32_t begin = min(max(top + loaded, 0), bottom);
    const int32_t end = max(min(bottom, p->in_height), begin);
    const int32_t start = (int32_t)(p->source.groups - p->groups) * op->slots;
    if (begin > top + loaded)
        load_padding(p, 0, op->groups, loaded, begin - top);
    if (bottom > end)
        load_padding(p, 0, op->groups, end - top, bottom - top);
    p->source.words = p->planes[start + begin - top].words;
    p->source.rows = p->in_rows + begin - p->in_first;
    p->source.rows_end = p->in_rows + end - p->in_first;
    p->band.rows = p->out_rows + h - p->first;
    p->band.rows_end = p->band.rows + rows;
}

/* Output channels [channel, channel + count), count <= 4, of the band, from the planes at `words`. */
static inline void make_channels(part *p, int32_t channel, int32_t count, const uint32_t *words, int prepared)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const td_planar_channel *channels = op->channels + channel;
    const int8_t *weights = op->weights + channel * p->taps;
    td_planar_band *band = &p->band;

    band->words = words;
    band->base = p->base + channel;
    band->highs.bounds = op->highs.bounds + channel * op->highs.step;
    if (!prepared)
        op->form->prepare(band, weights, channels, count, op->output_offset);
    op->form->multiply(band);
    if (op->bound)
        op->bound(band, channels, count);
    if (op->repair)
        op->repair(band, weights, channels, count, op->output_offset);
}

void td_planar_single(part *p, int32_t channel, int32_t count, int32_t prepared)
{
    make_channels(p, channel, count, p->planes->words, prepared);
}

/* Of each plane four, the last of them perhaps once more: what is prepared serves for one of them. */
void td_planar_multiples(part *p, int32_t channel, int32_t count, int32_t prepared)
{
    (void)prepared;
    const int32_t multiplier = p->op->depth_multiplier;
    for (int32_t i = 0; i < count; i++)
        for (int32_t c = 0; c < multiplier; c += FOUR) {
            const int32_t output = (channel + i) * multiplier + max(min(c, multiplier - FOUR), 0);
            make_channels(p, output, min(FOUR, multiplier), p->planes->words + 2 * i, 0);
        }
}

/* Rows [p->first, p->last) of all channels. */
static void make_rows(part *p, const td_tensor *in)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const int32_t kept = max(op->kernel_height - op->stride_height, 0); /* rows that a band and the next one need */
    const int32_t several = p->last - p->first > op->band;
    const int32_t channels = in->channels;
    const int32_t count = min(FOUR, channels);
    const int8_t *base = p->source.base;

    for (int32_t channel = 0;;) {
        p->source.base = base + channel;
        for (int32_t h = p->first; h < p->last; h += op->band) {
            /* A single band is the same for all channels, and rows of padding stay. */
            if (channel == 0 || several)
                find_band(p, h, h > p->first ? kept : 0);
            if (p->source.rows != p->source.rows_end && p->source.groups != p->source.groups_end)
                td_planar_load(&p->source);
            if (op->load_end)
                op->load_end(&p->source, in);
            op->make(p, channel, count, h > p->first);
            if (h + op->band < p->last)
                move_rows(p, op->band * op->stride_height, kept);
        }
        channel += FOUR;
        if (channel >= channels)
            break;
        /* The last four channels may overlap the four before. */
        channel = min(channel, channels - FOUR);
    }
    p->source.base = base;
}

void td_depthwise_conv_2d_planar_s8(const td_depthwise_conv_2d_planar *op, const td_tensor *in, const td_tensor *out,
                                    int32_t first, int32_t last, void *scratch)
{
    const int32_t count = min(FOUR, op->depth_multiplier == 1 ? in->channels : op->depth_multiplier);
    part p;
    p.op = op;
    p.in_height = in->height;
    p.taps = op->kernel_height * op->kernel_width;
    p.band.plane = op->depth_multiplier == 1 ? 8 : 0;
    p.planes = scratch;
    p.groups = p.planes[op->groups * op->slots].words;
    p.band.constants = (int32_t *)(p.groups + op->groups);
    p.band.constants_end = p.band.constants + count * op->constant_words;
    p.out_rows = p.band.constants + FOUR * op->constant_words;
    p.in_rows = p.out_rows + op->rows;
    p.source.pixel = in->channels;
    p.source.padding = (uint8_t)op->padding * 0x01010101U;
    p.source.pitch = p.band.pitch = (int32_t)sizeof(td_planar_row) * op->slots;
    p.band.pixel = out->channels;
    p.band.kernel_height = op->kernel_height;
    p.band.kernel_width = op->kernel_width;
    p.band.stride_height = op->stride_height;
    p.band.stride_width = op->stride_width;
    p.band.highs.step = op->highs.step;

    for (int32_t column = 0; column < out->width; column += op->columns) {
        p.band.width = min(op->columns, out->width - column);
        p.base = out->base + column * out->channels;
        mark_columns(&p, in, column * op->stride_width - op->pad_left);
        for (p.first = first; p.first < last; p.first = p.last) {
            p.last = min(p.first + op->rows, last);
            list_rows(&p, in, out);
            make_rows(&p, in);
        }
    }
}
