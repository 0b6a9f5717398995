/* SPDX-License-Identifier: 0BSD */
/* What few depthwise convolutions on planes need: td_planar.h. */
#include "td_fixed.h"
#include "td_planar.h"

void td_planar_load_end(const td_planar_source *source, const td_tensor *in)
{
    const int32_t whole = td_planar_whole_columns(in);
    const int32_t first = (whole < 0 ? 0 : whole) - source->column;
    const int32_t end = in->width - source->column;
    const int32_t columns = 4 * (int32_t)(source->groups_end - source->groups);
    for (int32_t v = first < 0 ? 0 : first; v < end && v < columns; v++) {
        uint32_t *to = source->words + (v >> 2) * (source->pitch / 4) + ((v >> 1) & 1);
        const uint32_t shift = 16U * ((uint32_t)v & 1U);
        for (const int32_t *row = source->rows; row != source->rows_end; row++, to += TD_PLANAR_ROW) {
            const int8_t *x = source->base + *row + v * in->channels;
            for (int32_t c = 0; c < in->channels; c++)
                to[2 * c] = (to[2 * c] & ~(0xffffU << shift)) | (uint32_t)(uint16_t)x[c] << shift;
        }
    }
}

void td_planar_bound(const td_planar_band *band, const td_planar_channel *channels, int32_t count)
{
    uint32_t low = 0, lift = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t lifted = td_planar_lift(band, i);
        low |= (uint32_t)(uint8_t)(channels[i].low + lifted) << 8 * i;
        lift |= (uint32_t)lifted << 8 * i;
    }
    td_planar_bound_4(band, low, lift);
}

void td_planar_bound_few(const td_planar_band *band, const td_planar_channel *channels, int32_t count)
{
    for (const int32_t *row = band->rows; row != band->rows_end; row++)
        for (int32_t i = 0; i < count; i++) {
            int8_t *y = band->base + *row + i;
            const int32_t lift = td_planar_lift(band, i);
            for (int32_t w = 0; w < band->width; w++, y += band->pixel)
                *y = (int8_t)(*y - lift < channels[i].low ? channels[i].low : *y - lift);
        }
}

/* One output in the planes from `x` on. */
static int32_t sum_taps(const td_planar_band *band, const uint32_t *x, int32_t v, const int8_t *weights)
{
    int32_t sum = 0;
    for (int32_t r = 0; r < band->kernel_height; r++, x += TD_PLANAR_ROW)
        for (int32_t t = 0; t < band->kernel_width; t++)
            sum += *weights++ * td_planar_column(x, v + t, band->pitch);
    return sum;
}

void td_planar_repair(const td_planar_band *band, const int8_t *weights, const td_planar_channel *channels,
                      int32_t count, int32_t output_offset)
{
    for (int32_t i = 0; i < count; i++, weights += band->kernel_height * band->kernel_width) {
        const td_planar_channel *c = &channels[i];
        const uint32_t *plane = band->words + i * (band->plane / 4);
        if (c->right >= 0)
            continue;
        for (const int32_t *row = band->rows; row != band->rows_end; row++) {
            int8_t *y = band->base + *row + i;
            for (int32_t w = 0; w < band->width; w++, y += band->pixel) {
                const int32_t acc = c->bias / 2 + sum_taps(band, plane, w * band->stride_width, weights);
                const int32_t value = td_requantize(acc, c->multiplier, c->right - TD_PLANAR_REPAIRED) + output_offset;
                *y = (int8_t)td_clamp(value, c->low, band->highs.bounds[i * band->highs.step]);
            }
            plane += band->stride_height * TD_PLANAR_ROW;
        }
    }
}
