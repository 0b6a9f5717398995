/* SPDX-License-Identifier: 0BSD */
/* Depthwise 3x3 on planes: td_planar.h. Cores with the DSP extension run planar_3x3.S. */
#include "td_planar.h"

/* Of one channel. */
typedef struct {
    int32_t multiplier;
    int32_t addend;
    int32_t right;
    int32_t bias;
    int16_t taps[3][4];
} constants;

void td_planar_3x3_prepare(const td_planar_band *band, const int8_t *weights, const td_planar_channel *channels,
                           int32_t count, int32_t output_offset);
#define DECLARE(name) void td_planar_3x3_multiply##name(const td_planar_band *band)
DECLARE(1);
DECLARE(2);
DECLARE(1_rectified);
DECLARE(2_rectified);
DECLARE(1_short);
DECLARE(2_short);
DECLARE(1_short_rectified);
DECLARE(2_short_rectified);

#if !TD_DSP

void td_planar_3x3_prepare(const td_planar_band *band, const int8_t *weights, const td_planar_channel *channels,
                           int32_t count, int32_t output_offset)
{
    constants *to = (constants *)band->constants;
    for (int32_t c = 0; c < count; c++, to++) {
        to->multiplier = channels[c].multiplier;
        to->addend = td_planar_addend(&channels[c], td_planar_lift(band, c), output_offset);
        to->right = td_planar_right(&channels[c]);
        to->bias = channels[c].bias;
        for (int32_t r = 0; r < 3; r++, weights += 3) {
            to->taps[r][0] = (int16_t)(2 * weights[0]);
            to->taps[r][1] = to->taps[r][2] = (int16_t)(2 * weights[1]);
            to->taps[r][3] = (int16_t)(2 * weights[2]);
        }
    }
}

static void multiply(const td_planar_band *band, int32_t stride)
{
    const uint32_t *words = band->words;
    for (const int32_t *row = band->rows; row != band->rows_end; row++, words += stride * TD_PLANAR_ROW) {
        const uint32_t *plane = words;
        int8_t *channel = band->base + *row;
        const constants *const end = (const constants *)band->constants_end;
        for (const constants *c = (const constants *)band->constants; c != end; c++) {
            int8_t *y = channel++;
            for (int32_t w = 0; w < band->width; w++, y += band->pixel) {
                int32_t sum = c->bias;
                for (int32_t r = 0; r < 3; r++) {
                    const uint32_t *x = plane + r * TD_PLANAR_ROW;
                    sum += td_planar_column(x, stride * w, band->pitch) * c->taps[r][0];
                    sum += td_planar_column(x, stride * w + 1, band->pitch) * c->taps[r][1];
                    sum += td_planar_column(x, stride * w + 2, band->pitch) * c->taps[r][3];
                }
                *y = td_planar_round(sum, c->multiplier, c->addend, c->right);
            }
            plane += band->plane / 4;
        }
    }
}

#define DEFINE(name, stride)  \
    DECLARE(name)             \
    {                         \
        multiply(band, stride); \
    }
DEFINE(1, 1)
DEFINE(2, 2)
DEFINE(1_rectified, 1)
DEFINE(2_rectified, 2)
DEFINE(1_short, 1)
DEFINE(2_short, 2)
DEFINE(1_short_rectified, 1)
DEFINE(2_short_rectified, 2)

#endif

#define FORM(name) \
    const td_planar_form td_planar_3x3_stride##name = {td_planar_3x3_prepare, td_planar_3x3_multiply##name}
FORM(1);
FORM(2);
FORM(1_rectified);
FORM(2_rectified);
FORM(1_short);
FORM(2_short);
FORM(1_short_rectified);
FORM(2_short_rectified);
