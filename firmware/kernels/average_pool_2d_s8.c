/* SPDX-License-Identifier: 0BSD */
/* Average-pooling. */
#include "td_kernels.h"
#include "td_sums.h"
#include "td_window.h"

/* As many channels at a time as there are sums to hold them. */
#define CHANNELS 32

/* One output pixel from the window that begins at (origin_h, origin_w). */
static void make_pixel(const td_average_pool_2d *op, const td_tensor *in, int32_t origin_h, int32_t origin_w,
                       td_range taps_h, td_range taps_w, int8_t *y)
{
    const int32_t count = (taps_h.last - taps_h.first) * (taps_w.last - taps_w.first);
    for (int32_t begin = 0; begin < in->channels; begin += CHANNELS) {
        const int32_t n = in->channels - begin < CHANNELS ? in->channels - begin : CHANNELS;
        int32_t sums[CHANNELS] = {0};
        for (int32_t i = taps_h.first; i < taps_h.last; i++) {
            const int8_t *x = td_row(in, origin_h + i) + (origin_w + taps_w.first) * in->channels + begin;
            td_sum_pixels(x, taps_w.last - taps_w.first, in->channels, sums, n);
        }
        for (int32_t c = 0; c < n; c++)
            y[begin + c] = (int8_t)td_clamp(td_divide_rounding(sums[c], count), op->low, op->high);
    }
}

void td_average_pool_2d_s8(const td_average_pool_2d *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last)
{
    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        const int32_t origin_h = h * op->stride_height - op->pad_top;
        const td_range taps_h = td_taps_inside(origin_h, 1, op->kernel_height, in->height);
        for (int32_t w = 0; w < out->width; w++, y += in->channels) {
            const int32_t origin_w = w * op->stride_width - op->pad_left;
            const td_range taps_w = td_taps_inside(origin_w, 1, op->kernel_width, in->width);
            make_pixel(op, in, origin_h, origin_w, taps_h, taps_w, y);
        }
    }
}
