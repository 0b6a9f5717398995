/* SPDX-License-Identifier: 0BSD */
/* Depthwise 2-D convolution by the core loops of td_planar.h.
 *
 * Four channels at a time: their input rows become planes, as many rows as there are slots, a band of output rows is
 * made of them, the rows that the next band needs too move up, and so on down the image. */
#include <string.h>

#include "td_kernels.h"

#define FOUR TD_PLANAR_CHANNELS

/* The scratch, and which part of the layer is being made. */
typedef struct {
    const td_depthwise_conv_2d_planar *op;
    const td_tensor *in;
    const td_tensor *out;
    int32_t first; /* output rows, not more than op->rows */
    int32_t last;
    int32_t column;     /* first output column */
    int32_t in_first;   /* first input row inside the image that they need */
    int32_t in_last;    /* end of them */
    uint32_t *words;    /* planes */
    uint32_t *groups;   /* which columns of the planes td_planar_load takes from the image */
    int32_t *in_rows;   /* from in->base to rows in_first ... in_last */
    int32_t *out_rows;  /* from out->base to rows first ... last */
    td_planar_band band;
} part;

static int32_t min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Columns of the image from column 0 of the planes on; negative in the padding. */
static int32_t origin(const part *p)
{
    return p->column * p->op->stride_width - p->op->pad_left;
}

/* td_planar_load reads four channels: with less, the last pixels' columns are left to load_end. */
static int32_t whole_columns(const part *p)
{
    const int32_t channels = p->in->channels;
    return channels < FOUR ? p->in->width - (FOUR - 1) / channels : p->in->width;
}

static void mark_columns(part *p)
{
    const int32_t end = whole_columns(p);
    int32_t column = origin(p);
    for (int32_t g = 0; g < p->op->groups; g++) {
        uint32_t inside = 0;
        for (int32_t i = 0; i < 4; i++, column++)
            inside = inside << 1 | (column >= 0 && column < end);
        p->groups[g] = inside << 28;
    }
}

static void list_rows(part *p)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const int32_t from = p->first * op->stride_height - op->pad_top;
    const int32_t to = (p->last - 1) * op->stride_height - op->pad_top + op->kernel_height;
    p->in_first = from < 0 ? 0 : from;
    p->in_last = min(to, p->in->height);
    for (int32_t h = p->in_first; h < p->in_last; h++)
        p->in_rows[h - p->in_first] = (int32_t)(td_row(p->in, h) - p->in->base);
    for (int32_t h = p->first; h < p->last; h++)
        p->out_rows[h - p->first] = (int32_t)(td_row(p->out, h) - p->out->base);
}

/* The columns that whole_columns leaves out, of input rows [first, last) of which the first goes to `slot`. */
static void load_end(const part *p, int32_t slot, int32_t first, int32_t last)
{
    const int32_t start = origin(p);
    int32_t column = whole_columns(p);
    if (column < 0)
        column = 0;
    if (column < start)
        column = start;
    for (; column < min(p->in->width, start + 4 * p->op->groups); column++)
        for (int32_t h = first; h < last; h++) {
            const int8_t *x = td_row(p->in, h) + column * p->in->channels;
            const int32_t v = column - start;
            uint32_t *to = p->words + ((v >> 2) * p->op->slots + slot + h - first) * TD_PLANAR_ROW + ((v >> 1) & 1);
            const uint32_t shift = 16U * ((uint32_t)v & 1U);
            for (int32_t c = 0; c < p->in->channels; c++, to += 2)
                *to = (*to & ~(0xffffU << shift)) | (uint32_t)(uint16_t)x[c] << shift;
        }
}

/* Slots [slot, end) of padding. */
static void load_padding(const part *p, int32_t slot, int32_t end)
{
    const uint32_t pair = (uint16_t)p->op->padding * 0x10001U;
    for (int32_t g = 0; g < p->op->groups; g++) {
        uint32_t *to = p->words + (g * p->op->slots + slot) * TD_PLANAR_ROW;
        for (int32_t i = 0; i < (end - slot) * TD_PLANAR_ROW; i++)
            to[i] = pair;
    }
}

/* Input rows [first, last), some of which may be padding, of four channels from `channel` on, from `slot` on. */
static void load_rows(const part *p, int32_t channel, int32_t slot, int32_t first, int32_t last)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const int32_t above = first < 0 ? min(-first, last - first) : 0;
    const int32_t end = min(last, p->in->height);
    if (above)
        load_padding(p, slot, slot + above);
    if (first + above < end) {
        td_planar_source source;
        source.words = p->words + (slot + above) * TD_PLANAR_ROW;
        source.base = p->in->base + channel + origin(p) * p->in->channels;
        source.rows = p->in_rows + first + above - p->in_first;
        source.rows_end = p->in_rows + end - p->in_first;
        source.groups = p->groups;
        source.groups_end = p->groups + op->groups;
        source.pixel = p->in->channels;
        source.pitch = p->band.pitch;
        source.padding = (uint8_t)op->padding * 0x01010101U;
        td_planar_load(&source);
        if (p->in->channels < FOUR)
            load_end(p, slot + above, first + above, end);
    }
    if (last > p->in->height) {
        const int32_t inside = p->in->height > first ? p->in->height - first : 0;
        load_padding(p, slot + (inside > above ? inside : above), slot + last - first);
    }
}

/* Rows that this band and the next one need move to the first slots. */
static void move_rows(const part *p, int32_t from, int32_t count)
{
    for (int32_t g = 0; g < p->op->groups; g++) {
        uint32_t *to = p->words + g * p->op->slots * TD_PLANAR_ROW;
        const uint32_t *row = to + from * TD_PLANAR_ROW;
        for (int32_t i = 0; i < count; i++, to += TD_PLANAR_ROW, row += TD_PLANAR_ROW)
            memcpy(to, row, 4 * TD_PLANAR_ROW);
    }
}

/* The band of one channel whose multiplier is out of the ordinary. */
static void make_other(const part *p, const td_planar_channel *channel, const int8_t *weights, const uint32_t *plane,
                       int8_t *y)
{
    const td_planar_band *band = &p->band;
    for (const int32_t *row = band->rows; row != band->rows_end; row++, plane += band->stride_height * TD_PLANAR_ROW)
        for (int32_t w = 0; w < band->width; w++) {
            const uint32_t *x = plane;
            const int8_t *tap = weights;
            int32_t sum = channel->bias / 2;
            for (int32_t r = 0; r < band->kernel_height; r++, x += TD_PLANAR_ROW)
                for (int32_t t = 0; t < band->kernel_width; t++)
                    sum += *tap++ * td_planar_column(x, w * band->stride_width + t, band->pitch);
            const int32_t value = td_requantize(sum, channel->multiplier, channel->shift) + p->op->output_offset;
            y[*row + w * band->pixel] =
                (int8_t)td_clamp(value, channel->low - channel->lift, INT8_MAX - channel->lift);
        }
}

/* Lower bounds of four channels, or less, whose outputs td_planar_bound or something like it takes. */
static void bound(const part *p, const td_planar_channel *channels, int32_t count)
{
    uint32_t low = 0, lift = 0;
    for (int32_t i = 0; i < count; i++) {
        low |= (uint32_t)(uint8_t)channels[i].low << 8 * i;
        lift |= (uint32_t)channels[i].lift << 8 * i;
    }
    if (count == FOUR) {
        if (low != 0x80808080U || lift != 0)
            td_planar_bound(&p->band, low, lift);
        return;
    }
    for (const int32_t *row = p->band.rows; row != p->band.rows_end; row++)
        for (int32_t i = 0; i < count; i++) {
            int8_t *y = p->band.base + *row + i;
            for (int32_t w = 0; w < p->band.width; w++, y += p->band.pixel)
                *y = (int8_t)((*y < channels[i].low ? channels[i].low : *y) - channels[i].lift);
        }
}

/* Output channels [channel, channel + count), count <= 4, of the band, from planes `plane` bytes apart. */
static void make_channels(part *p, int32_t channel, int32_t count, const uint32_t *words, int32_t plane, int prepared)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const td_planar_channel *channels = op->channels + channel;
    const int32_t taps = op->kernel_height * op->kernel_width;
    const int8_t *weights = op->weights + channel * taps;
    td_planar_band *band = &p->band;

    band->words = words;
    band->plane = plane;
    band->base = p->out->base + p->column * p->out->channels + channel;
    band->constants_end = band->constants + count * op->constant_words;
    if (!prepared)
        op->form->prepare(band, weights, channels, count, op->output_offset);
    op->form->multiply(band);
    bound(p, channels, count);
    for (int32_t i = 0; i < count; i++)
        if (channels[i].right == 0)
            make_other(p, &channels[i], weights + i * taps, words + i * plane / 4, band->base + i);
}

/* All rows of the output channels that read input channels [channel, channel + count), count <= 4. */
static void make_planes(part *p, int32_t channel, int32_t count)
{
    const td_depthwise_conv_2d_planar *op = p->op;
    const int32_t multiplier = op->depth_multiplier;
    int32_t loaded = 0; /* slots */

    for (int32_t h = p->first; h < p->last;) {
        const int32_t rows = min(op->band, p->last - h);
        const int32_t needed = (rows - 1) * op->stride_height + op->kernel_height;
        const int32_t top = h * op->stride_height - op->pad_top;
        load_rows(p, channel, loaded, top + loaded, top + needed);
        p->band.rows = p->out_rows + h - p->first;
        p->band.rows_end = p->band.rows + rows;
        if (multiplier == 1)
            make_channels(p, channel, count, p->words, 8, h > p->first);
        else
            for (int32_t i = 0; i < count * multiplier;) {
                /* Four at a time, the last ones perhaps once more. */
                const int32_t from = i % multiplier;
                const int32_t n = min(FOUR, multiplier);
                const int32_t start = i - (from + n > multiplier ? from + n - multiplier : 0);
                make_channels(p, channel * multiplier + start, n, p->words + i / multiplier * 2, 0, 0);
                i = start + n;
            }
        h += rows;
        loaded = op->kernel_height - op->stride_height;
        if (loaded < 0)
            loaded = 0;
        else if (h < p->last)
            move_rows(p, rows * op->stride_height, loaded);
    }
}

void td_depthwise_conv_2d_planar_s8(const td_depthwise_conv_2d_planar *op, const td_tensor *in, const td_tensor *out,
                                    int32_t first, int32_t last, void *scratch)
{
    const int32_t channels = in->channels;
    part p;
    p.op = op;
    p.in = in;
    p.out = out;
    p.words = scratch;
    p.groups = p.words + op->groups * op->slots * TD_PLANAR_ROW;
    p.band.constants = (int32_t *)(p.groups + op->groups);
    p.out_rows = p.band.constants + FOUR * op->constant_words;
    p.in_rows = p.out_rows + op->rows;
    p.band.pixel = out->channels;
    p.band.pitch = 4 * TD_PLANAR_ROW * op->slots;
    p.band.kernel_height = op->kernel_height;
    p.band.kernel_width = op->kernel_width;
    p.band.stride_height = op->stride_height;
    p.band.stride_width = op->stride_width;

    for (p.column = 0; p.column < out->width; p.column += op->columns) {
        p.band.width = min(op->columns, out->width - p.column);
        mark_columns(&p);
        for (p.first = first; p.first < last; p.first = p.last) {
            p.last = min(p.first + op->rows, last);
            list_rows(&p);
            /* The last four channels may overlap the four before. */
            for (int32_t c = 0; c < channels; c += FOUR)
                make_planes(&p, c + FOUR > channels && c > 0 ? channels - FOUR : c, min(FOUR, channels));
        }
    }
}
