/* SPDX-License-Identifier: 0BSD */
/* Bilinear resizing of int16: sums below 2^38. */
#include "td_between.h"
#include "td_wide.h"

void td_resize_bilinear_s16(const td_resize_bilinear *op, const td_tensor *in, const td_tensor *out, int32_t first,
                            int32_t last)
{
    const int32_t channels = out->channels;

    for (int32_t h = first; h < last; h++) {
        const td_between rows = td_find_between(op->offset_height + h * op->step_height, in->height);
        const int16_t *low_row = td_wide_row(in, rows.low);
        const int16_t *high_row = td_wide_row(in, rows.high);
        int16_t *y = td_wide_row(out, h);
        for (int32_t w = 0; w < out->width; w++, y += channels) {
            const td_between columns = td_find_between(op->offset_width + w * op->step_width, in->width);
            const int16_t *a = low_row + columns.low * channels;
            const int16_t *b = low_row + columns.high * channels;
            const int16_t *c = high_row + columns.low * channels;
            const int16_t *d = high_row + columns.high * channels;
            for (int32_t i = 0; i < channels; i++) {
                const int32_t left = a[i] * (1024 - rows.fraction) + c[i] * rows.fraction;
                const int32_t right = b[i] * (1024 - rows.fraction) + d[i] * rows.fraction;
                const int64_t sum = (int64_t)left * (1024 - columns.fraction) + (int64_t)right * columns.fraction;
                const int64_t magnitude = ((sum < 0 ? -sum : sum) + (1 << 19)) >> 20;
                y[i] = (int16_t)(sum < 0 ? -magnitude : magnitude);
            }
        }
    }
}
