/* SPDX-License-Identifier: 0BSD */
/* Transposed convolution of int16: every output pixel gathers the input pixels whose windows reach it. */
#include "td_wide.h"
#include "td_window.h"

static int64_t dot(const int16_t *x, const int8_t *weights, int32_t count, int64_t sum)
{
    for (int32_t k = 0; k < count; k++)
        sum += x[k] * weights[k];
    return sum;
}

void td_transpose_conv_s16(const td_transpose_conv_wide *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last)
{
    const int32_t depth = in->channels;
    const int32_t pitch = op->kernel_height * op->kernel_width * depth;

    for (int32_t h = first; h < last; h++) {
        const int32_t place_h = h + op->pad_top;
        const td_range taps_h = td_taps_reaching(place_h, op->stride_height, op->kernel_height, in->height);
        int16_t *y = td_wide_row(out, h);
        for (int32_t w = 0; w < out->width; w++, y += out->channels) {
            const int32_t place_w = w + op->pad_left;
            const td_range taps_w = td_taps_reaching(place_w, op->stride_width, op->kernel_width, in->width);
            for (int32_t c = 0; c < out->channels; c++) {
                int64_t sum = 0;
                for (int32_t i = taps_h.first; i < taps_h.last; i += op->stride_height) {
                    const int16_t *x = td_wide_row(in, (place_h - i) / op->stride_height);
                    const int8_t *weights = op->weights + c * pitch + i * op->kernel_width * depth;
                    for (int32_t j = taps_w.first; j < taps_w.last; j += op->stride_width)
                        sum = dot(x + (place_w - j) / op->stride_width * depth, weights + j * depth, depth, sum);
                }
                y[c] = td_finish_wide(sum, &op->channels[c], op->low, op->high);
            }
        }
    }
}
