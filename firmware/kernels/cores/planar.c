/* SPDX-License-Identifier: 0BSD */
/* Bytes to planes, and bounds of outputs: td_planar.h. Cores with the DSP extension run planar.S. */
#include "td_planar.h"

#if !TD_DSP

void td_planar_load(const td_planar_source *source)
{
    const int8_t *base = source->base;
    uint32_t *words = source->words;
    for (const uint32_t *group = source->groups; group != source->groups_end; group++) {
        uint32_t *to = words;
        for (const int32_t *row = source->rows; row != source->rows_end; row++, to += TD_PLANAR_ROW)
            for (int32_t c = 0; c < TD_PLANAR_CHANNELS; c++) {
                uint32_t column[4];
                for (int32_t i = 0; i < 4; i++) {
                    const int32_t outside = (int8_t)source->padding;
                    const int32_t x = *group << i >> 31 ? base[*row + i * source->pixel + c] : outside;
                    column[i] = (uint16_t)x;
                }
                to[2 * c] = column[0] | column[1] << 16;
                to[2 * c + 1] = column[2] | column[3] << 16;
            }
        words += source->pitch / 4;
        base += 4 * source->pixel;
    }
}

void td_planar_bound_4(const td_planar_band *band, uint32_t low, uint32_t lift)
{
    for (const int32_t *row = band->rows; row != band->rows_end; row++)
        for (int32_t c = 0; c < TD_PLANAR_CHANNELS; c++) {
            const int8_t least = (int8_t)(low >> 8 * c);
            int8_t *y = band->base + *row + c;
            for (int32_t w = 0; w < band->width; w++, y += band->pixel)
                *y = (int8_t)((*y < least ? least : *y) - (int32_t)(lift >> 8 * c & 255));
        }
}

#endif
