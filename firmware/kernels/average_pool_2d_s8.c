/* SPDX-License-Identifier: 0BSD */
/* Average-pooling. */
#include "td_kernels.h"
#include "td_sums.h"
#include "td_window.h"

void td_average_pool_2d_s8(const td_average_pool_2d *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last)
{
    const int32_t channels = in->channels;

    for (int32_t h = first; h < last; h++) {
        int8_t *row = td_row(out, h);
        const int32_t origin_h = h * op->stride_height - op->pad_top;
        const td_range taps_h = td_taps_inside(origin_h, 1, op->kernel_height, in->height);
        for (int32_t w = 0; w < out->width; w++, row += channels) {
            const int32_t origin_w = w * op->stride_width - op->pad_left;
            const td_range taps_w = td_taps_inside(origin_w, 1, op->kernel_width, in->width);
            const int32_t count = (taps_h.last - taps_h.first) * (taps_w.last - taps_w.first);
            for (int32_t c = 0; c < channels; c++) {
                int32_t sum = 0;
                for (int32_t i = taps_h.first; i < taps_h.last; i++) {
                    const int8_t *x = td_row(in, origin_h + i) + (origin_w + taps_w.first) * channels + c;
                    for (int32_t t = taps_w.first; t < taps_w.last; t++, x += channels)
                        sum += *x;
                }
                row[c] = (int8_t)td_clamp(td_divide_rounding(sum, count), op->low, op->high);
            }
        }
    }
}
