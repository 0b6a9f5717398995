/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution on planes of int16: layout, constants and core loops.
 *
 * NHWC bytes of four neighbouring channels are spread into planes, one for each channel, in which two neighbouring
 * columns share a word, so that one multiplication takes two taps of a row. Padding is part of the planes: column v of
 * a plane is column v - pad_left of the image, and the input's zero point outside of it.
 *
 *     uint32_t planes[groups][slots][4 channels][2]     columns 4 * group + 0, 1 and + 2, 3, the first in the low half
 *
 * A slot holds a row; `pitch` is the number of bytes of a group, 32 * slots.
 *
 * Weights, and so sums, are twice as large as they are: the upper half of the product of a sum and a multiplier in
 * Q0.31 is then their product. An output is
 *
 *     x = round(sum * multiplier / 2^32)                            to the nearest, halves up, as td_multiply_high
 *     y = saturate((x + addend + (sum < 0 ? -1 : 0)) >> right)      to int8; the shift is to the nearest, halves away
 *
 * from zero, as td_shift_right_rounding: the addend holds the half, and sum < 0 wherever x < 0; where sum < 0 and x = 0
 * the -1 does not matter, as right > 0. The addend also holds the zero point and what the upper bound is less than 127,
 * the lift: so saturation is that bound. The lower bound, where there is one, needs td_planar_bound.
 *
 * The core loops are in assembly for the DSP extension, firmware/kernels/cores/planar*.S, and in C beside it. */
#ifndef TD_PLANAR_H
#define TD_PLANAR_H

#include "td_core.h"
#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TD_PLANAR_CHANNELS 4
#define TD_PLANAR_ROW 8 /* words of a row in one group */

typedef struct {
    uint32_t words[TD_PLANAR_ROW];
} td_planar_row;

/* One output channel. The generator sees to it that no sum reaches 2^31, nor does x + addend. */
typedef struct TD_PACKED {
    int32_t bias;       /* twice (bias - zero point of the input * sum of the weights) */
    int32_t multiplier; /* in [2^30, 2^31) or 0 */
    int8_t right;       /* in [1, 31]; where the above does not hold, because the multiplier is one half or more, say,
                         * TD_PLANAR_REPAIRED + the shift of td_channel, below 0, and td_requantize is used */
    int8_t low;         /* lower bound */
} td_planar_channel;

#define TD_PLANAR_REPAIRED (-64)

/* Rows of four channels, to be spread into consecutive slots. */
typedef struct {
    uint32_t *words;            /* of group 0 in the first slot */
    const int8_t *base;         /* column 0 of the planes in row i, first channel, is at base + rows[i] ... */
    const int32_t *rows;        /* ... and is not touched if it is outside of the image */
    const int32_t *rows_end;    /* at least one row */
    const uint32_t *groups;     /* bits 31 to 28: column 0 to 3 of the group is inside of the image */
    const uint32_t *groups_end; /* at least one group */
    int32_t pixel;              /* bytes from one column to the next */
    int32_t pitch;
    uint32_t padding; /* the byte outside of the image, four times */
    int32_t column;   /* of the image that column 0 of the planes is, counted from the first one; may be negative */
} td_planar_source;

/* Rows of output channels, to be made of planes. */
typedef struct {
    const uint32_t *words; /* of the first row and channel, column 0 */
    int8_t *base;          /* row i begins at base + rows[i] */
    const int32_t *rows;
    const int32_t *rows_end;      /* at least one row */
    int32_t pixel;                /* bytes from one output to the next */
    int32_t width;                /* outputs, at least one */
    int32_t plane;                /* bytes from one channel's plane to the next: 8, or 0 where all read the same */
    int32_t *constants;           /* of the first channel */
    const int32_t *constants_end; /* at least one channel */
    int32_t pitch;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    td_highs highs; /* of the first channel on */
} td_planar_band;

/* A form says how products are made. `prepare` writes the constants of `count` channels, whose sizes are below, from
 * the channels' parameters, the band's upper bounds and weights [count][kernel_height][kernel_width], behind which a byte more may be read;
 * `multiply` makes the band. */
typedef struct {
    void (*prepare)(const td_planar_band *band, const int8_t *weights, const td_planar_channel *channels,
                    int32_t count, int32_t output_offset);
    void (*multiply)(const td_planar_band *band);
} td_planar_form;

/* 3x3, one stride in both directions, 8 slots; the short ones 4. Constants: 40 bytes: multiplier, addend, right, bias, and twice
 * {w0, w1}, {w1, w2} of each row of weights. Planes: stride * (width - 1) + 3 columns.
 * Rectified: no lower bound is below the output's zero point. How negative sums are rounded is then all the same, which
 * saves an instruction in five. */
extern const td_planar_form td_planar_3x3_stride1;
extern const td_planar_form td_planar_3x3_stride2;
extern const td_planar_form td_planar_3x3_stride1_rectified;
extern const td_planar_form td_planar_3x3_stride2_rectified;
extern const td_planar_form td_planar_3x3_stride1_short;
extern const td_planar_form td_planar_3x3_stride2_short;
extern const td_planar_form td_planar_3x3_stride1_short_rectified;
extern const td_planar_form td_planar_3x3_stride2_short_rectified;

/* Any kernel, stride_width 1 or 2. With words = kernel_width / 2 + 1, constants: 16 + 8 * kernel_height * words bytes:
 * the same first four, then of each row of weights, twice, {w0, w1}, {0, w0}, {w2, w3}, {w1, w2} and so on, filled with
 * zeros. Planes: 4 * ((width - 1) / (4 / stride_width)) + 2 * words + 2 columns. */
extern const td_planar_form td_planar_any;

/* Reads four bytes at each column that is inside. */
void td_planar_load(const td_planar_source *source);

/* The columns of the image that td_planar_load can take: with less than four channels its last pixels are too near the
 * end of the row. */
static inline int32_t td_planar_whole_columns(const td_tensor *in)
{
    return in->width - (in->channels < TD_PLANAR_CHANNELS ? (TD_PLANAR_CHANNELS - 1) / in->channels : 0);
}

/* The others: behind td_planar_load, for less than four channels. */
void td_planar_load_end(const td_planar_source *source, const td_tensor *in);

/* Four channels at a time: max(byte, low) - lift. In both words byte i is that of channel i. */
void td_planar_bound_4(const td_planar_band *band, uint32_t low, uint32_t lift);

/* Bounds of 4 channels of the band, and of `count` < 4. */
void td_planar_bound(const td_planar_band *band, const td_planar_channel *channels, int32_t count);
void td_planar_bound_few(const td_planar_band *band, const td_planar_channel *channels, int32_t count);

/* Makes those of `count` channels of the band whose `right` is below 0. */
void td_planar_repair(const td_planar_band *band, const int8_t *weights, const td_planar_channel *channels,
                      int32_t count, int32_t output_offset);

/* What saturation at 127 leaves of channel `c` of the band has to be lowered by. */
static inline int32_t td_planar_lift(const td_planar_band *band, int32_t c)
{
    return INT8_MAX - band->highs.bounds[c * band->highs.step];
}

/* Shift and addend of one channel; of no use where it is repaired. */
static inline int32_t td_planar_right(const td_planar_channel *channel)
{
    return channel->right < 0 ? 0 : channel->right;
}

static inline int32_t td_planar_addend(const td_planar_channel *channel, int32_t lift, int32_t output_offset)
{
    return channel->right > 0 ? (2 * (output_offset + lift) + 1) * (1 << (channel->right - 1)) : 0;
}

/* Output from sum. */
static inline int8_t td_planar_round(int32_t sum, int32_t multiplier, int32_t addend, int32_t right)
{
    const int32_t x = (int32_t)(((int64_t)sum * multiplier + ((int64_t)1 << 31)) >> 32);
    const int32_t y = (int32_t)((uint32_t)x + (uint32_t)addend + (uint32_t)(sum >> 31)) >> right;
    return (int8_t)(y < INT8_MIN ? INT8_MIN : y > INT8_MAX ? INT8_MAX : y);
}

/* Column `v` of a plane. */
static inline int32_t td_planar_column(const uint32_t *plane, int32_t v, int32_t pitch)
{
    return (int16_t)(plane[(v >> 2) * (pitch / 4) + ((v >> 1) & 1)] >> 16 * (v & 1));
}

#ifdef __cplusplus
}
#endif

#endif
