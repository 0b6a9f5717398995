/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution of any kernel and strides on planes: td_planar.h. */
#include "td_planar.h"

#if TD_DSP
#include <arm_acle.h>
#define dot(x, w, sum) __smlad((int16x2_t)(x), (int16x2_t)(w), (sum))
#else
static int32_t dot(uint32_t x, int32_t w, int32_t sum)
{
    return sum + (int16_t)x * (int16_t)w + (int16_t)(x >> 16) * (int16_t)(w >> 16);
}
#endif

/* Head of the constants; the taps follow. */
enum { MULTIPLIER, ADDEND, RIGHT, BIAS, HEAD };

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
        to[ADDEND] = td_planar_addend(&channels[c], output_offset);
        to[RIGHT] = channels[c].right;
        to[BIAS] = channels[c].bias;
        to += HEAD;
        for (int32_t r = 0; r < band->kernel_height; r++, weights += size)
            for (int32_t t = 0; t <= size; t += 2, to += 2) {
                const uint32_t last = tap(weights, t - 1, size);
                const uint32_t even = tap(weights, t, size);
                to[0] = (int32_t)((even & 0xffff) | tap(weights, t + 1, size) << 16);
                to[1] = (int32_t)((last & 0xffff) | even << 16);
            }
    }
}

/* Four neighbouring outputs at stride_width 1, from the group at `x` on: the even ones take the first word of each pair
 * of taps, the odd ones the second. */
static void sum_4(const td_planar_band *band, const uint32_t *x, const int32_t *constants, int32_t sums[4])
{
    const int32_t pitch = band->pitch / 4;
    const int32_t *w = constants + HEAD;
    int32_t s0 = constants[BIAS], s1 = s0, s2 = s0, s3 = s0;
    for (int32_t r = 0; r < band->kernel_height; r++, x += TD_PLANAR_ROW) {
        const uint32_t *group = x;
        uint32_t a = group[0];
        for (int32_t t = band->kernel_width;;) {
            const uint32_t b = group[1];
            s0 = dot(a, w[0], s0);
            s1 = dot(a, w[1], s1);
            s2 = dot(b, w[0], s2);
            s3 = dot(b, w[1], s3);
            w += 2;
            if ((t -= 2) < 0)
                break;
            group += pitch;
            a = group[0];
            s0 = dot(b, w[0], s0);
            s1 = dot(b, w[1], s1);
            s2 = dot(a, w[0], s2);
            s3 = dot(a, w[1], s3);
            w += 2;
            if ((t -= 2) < 0)
                break;
        }
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* One output, from column `v` of the planes on. */
static int32_t sum_1(const td_planar_band *band, const uint32_t *plane, int32_t v, const int32_t *constants)
{
    const int32_t pitch = band->pitch / 4;
    const uint32_t *x = plane + (v >> 2) * pitch;
    const int32_t *w = constants + HEAD + (v & 1);
    int32_t sum = constants[BIAS];
    for (int32_t r = 0; r < band->kernel_height; r++, x += TD_PLANAR_ROW) {
        const uint32_t *group = x;
        int32_t t = band->kernel_width;
        if (v & 2)
            goto second;
        for (;;) {
            sum = dot(group[0], *w, sum);
            w += 2;
            if ((t -= 2) < 0)
                break;
        second:
            sum = dot(group[1], *w, sum);
            w += 2;
            if ((t -= 2) < 0)
                break;
            group += pitch;
        }
    }
    return sum;
}

static void make_channel(const td_planar_band *band, const uint32_t *plane, const int32_t *constants, int8_t *y)
{
    const int32_t multiplier = constants[MULTIPLIER];
    const int32_t addend = constants[ADDEND];
    const int32_t right = constants[RIGHT];
    if (band->stride_width == 1) {
        for (int32_t w = 0; w < band->width; w += 4, plane += band->pitch / 4) {
            int32_t sums[4];
            sum_4(band, plane, constants, sums);
            for (int32_t i = 0; i < 4 && w + i < band->width; i++, y += band->pixel)
                *y = td_planar_round(sums[i], multiplier, addend, right);
        }
    } else {
        for (int32_t w = 0; w < band->width; w++, y += band->pixel) {
            const int32_t sum = sum_1(band, plane, w * band->stride_width, constants);
            *y = td_planar_round(sum, multiplier, addend, right);
        }
    }
}

static void multiply(const td_planar_band *band)
{
    const int32_t taps = 2 * (band->kernel_width / 2 + 1) * band->kernel_height;
    const uint32_t *words = band->words;
    for (const int32_t *row = band->rows; row != band->rows_end; row++) {
        const uint32_t *plane = words;
        int8_t *y = band->base + *row;
        for (const int32_t *c = band->constants; c != band->constants_end; c += HEAD + taps, plane += band->plane / 4)
            make_channel(band, plane, c, y++);
        words += band->stride_height * TD_PLANAR_ROW;
    }
}

const td_planar_form td_planar_any = {prepare, multiply};
