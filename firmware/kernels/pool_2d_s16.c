/* SPDX-License-Identifier: 0BSD */
/* Max- and average-pooling of int16. */
#include "td_kernels.h"
#include "td_window.h"

/* The maximum or the mean of channel `c` of the pixels in a window. */
static int32_t pool(const td_pool_2d_wide *op, const td_tensor *in, int32_t origin_h, int32_t origin_w, td_range taps_h,
                    td_range taps_w, int32_t c)
{
    int32_t sum = 0;
    int32_t largest = INT16_MIN;
    for (int32_t i = taps_h.first; i < taps_h.last; i++) {
        const int16_t *x = td_wide_row(in, origin_h + i) + (origin_w + taps_w.first) * in->channels + c;
        for (int32_t t = taps_w.first; t < taps_w.last; t++, x += in->channels) {
            sum += *x;
            largest = *x > largest ? *x : largest;
        }
    }
    if (!op->average)
        return largest;
    const int32_t count = (taps_h.last - taps_h.first) * (taps_w.last - taps_w.first);
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count; /* halves away from zero */
}

void td_pool_2d_s16(const td_pool_2d_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    for (int32_t h = first; h < last; h++) {
        int16_t *y = td_wide_row(out, h);
        const int32_t origin_h = h * op->stride_height - op->pad_top;
        const td_range taps_h = td_taps_inside(origin_h, 1, op->kernel_height, in->height);
        for (int32_t w = 0; w < out->width; w++, y += in->channels) {
            const int32_t origin_w = w * op->stride_width - op->pad_left;
            const td_range taps_w = td_taps_inside(origin_w, 1, op->kernel_width, in->width);
            for (int32_t c = 0; c < in->channels; c++) {
                const int32_t value = pool(op, in, origin_h, origin_w, taps_h, taps_w, c);
                y[c] = (int16_t)td_clamp(value, op->low, op->high);
            }
        }
    }
}
