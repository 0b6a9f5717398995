/* SPDX-License-Identifier: 0BSD */
/* Bilinear resizing. */
#include "td_kernels.h"

typedef struct {
    int32_t low; /* pixels of the input before and behind a place */
    int32_t high;
    int32_t fraction; /* of the way from low to high, in 1/1024 */
} between;

static inline between find(int32_t place, int32_t size)
{
    const int32_t low = place > 0 ? place >> 10 : 0;
    const int32_t next = place > -1023 ? (place + 1023) >> 10 : 0;
    const between found = {low, next < size ? next : size - 1, place - 1024 * low};
    return found;
}

void td_resize_bilinear_s8(const td_resize_bilinear *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last)
{
    const int32_t channels = out->channels;

    for (int32_t h = first; h < last; h++) {
        const between rows = find(op->offset_height + h * op->step_height, in->height);
        const int8_t *low_row = td_row(in, rows.low);
        const int8_t *high_row = td_row(in, rows.high);
        int8_t *y = td_row(out, h);
        for (int32_t w = 0; w < out->width; w++, y += channels) {
            const between columns = find(op->offset_width + w * op->step_width, in->width);
            const int8_t *a = low_row + columns.low * channels;
            const int8_t *b = low_row + columns.high * channels;
            const int8_t *c = high_row + columns.low * channels;
            const int8_t *d = high_row + columns.high * channels;
            for (int32_t i = 0; i < channels; i++) {
                const int32_t left = a[i] * (1024 - rows.fraction) + c[i] * rows.fraction;
                const int32_t right = b[i] * (1024 - rows.fraction) + d[i] * rows.fraction;
                const int32_t sum = left * (1024 - columns.fraction) + right * columns.fraction;
                y[i] = (int8_t)td_shift_right_rounding(sum, 20);
            }
        }
    }
}
