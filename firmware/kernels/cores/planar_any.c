/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution of any kernel on planes, of stride_width 1 or 2: td_planar.h. */
#include "td_planar.h"

/* Head of a channel's constants; the pairs of taps follow. */
enum { MULTIPLIER, ADDEND, RIGHT, BIAS, HEAD };

/* `count` neighbouring outputs, 1 to 4 at stride_width 1, 1 or 2 at stride_width 2, from the group of columns at `x`
 * on. Cores with the DSP extension run planar_any.S. */
void td_planar_any_stride1(const td_planar_band *band, const uint32_t *x, const int32_t *constants, int8_t *y,
                           int32_t count);
void td_planar_any_stride2(const td_planar_band *band, const uint32_t *x, const int32_t *constants, int8_t *y,
                           int32_t count);

#if !TD_DSP

/* One output, from column `v` of the plane on: where v is even the first word of each pair of taps, else the second. */
static void make_1(const td_planar_band *band, const uint32_t *plane, int32_t v, const int32_t *constants, int8_t *y)
{
    const int32_t *taps = constants + HEAD + (v & 1);
    int32_t sum = constants[BIAS];
    for (int32_t r = 0; r < band->kernel_height; r++, plane += TD_PLANAR_ROW)
        for (int32_t w = v & ~1; w <= (v & ~1) + band->kernel_width; w += 2, taps += 2) {
            sum += td_planar_column(plane, w, band->pitch) * (int16_t)*taps;
            sum += td_planar_column(plane, w + 1, band->pitch) * (*taps >> 16);
        }
    *y = td_planar_round(sum, constants[MULTIPLIER], constants[ADDEND], constants[RIGHT]);
}

void td_planar_any_stride1(const td_planar_band *band, const uint32_t *x, const int32_t *constants, int8_t *y,
                           int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        make_1(band, x, i, constants, y + i * band->pixel);
}

void td_planar_any_stride2(const td_planar_band *band, const uint32_t *x, const int32_t *constants, int8_t *y,
                           int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        make_1(band, x, 2 * i, constants, y + i * band->pixel);
}

#endif

/* Twice weight t of [0, size), 0 for other t. */
static uint32_t tap(const int8_t *weights, int32_t t, int32_t size)
{
    return (uint32_t)(t >= 0 && t < size ? 2 * weights[t] : 0);
}

static void prepare(const td_planar_band *band, const int8_t *weights, const td_planar_channel *channels,
                    int32_t count, int32_t output_offset)
{
    const int32_t size = band->kernel_width;
    int32_t *to = band->constants;
    for (int32_t c = 0; c < count; c++) {
        to[MULTIPLIER] = channels[c].multiplier;
        to[ADDEND] = td_planar_addend(&channels[c], td_planar_lift(band, c), output_offset);
        to[RIGHT] = td_planar_right(&channels[c]);
        to[BIAS] = channels[c].bias;
        to += HEAD;
        for (int32_t r = 0; r < band->kernel_height; r++, weights += size)
            for (int32_t t = 0; t <= size; t += 2, to += 2) {
                const uint32_t even = tap(weights, t, size);
                to[0] = (int32_t)((even & 0xffff) | tap(weights, t + 1, size) << 16);
                to[1] = (int32_t)((tap(weights, t - 1, size) & 0xffff) | even << 16);
            }
    }
}

static void make_channel(const td_planar_band *band, const uint32_t *plane, const int32_t *constants, int8_t *y)
{
    const int32_t most = band->stride_width == 1 ? 4 : 2;
    for (int32_t left = band->width; left > 0; left -= most) {
        if (band->stride_width == 1)
            td_planar_any_stride1(band, plane, constants, y, left < most ? left : most);
        else
            td_planar_any_stride2(band, plane, constants, y, left < most ? left : most);
        plane += band->pitch / 4;
        y += most * band->pixel;
    }
}

static void multiply(const td_planar_band *band)
{
    const int32_t size = HEAD + 2 * (band->kernel_width / 2 + 1) * band->kernel_height;
    const uint32_t *words = band->words;
    for (const int32_t *row = band->rows; row != band->rows_end; row++) {
        const uint32_t *plane = words;
        int8_t *y = band->base + *row;
        for (const int32_t *c = band->constants; c != band->constants_end; c += size, plane += band->plane / 4)
            make_channel(band, plane, c, y++);
        words += band->stride_height * TD_PLANAR_ROW;
    }
}

const td_planar_form td_planar_any = {prepare, multiply};
