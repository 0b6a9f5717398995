/* SPDX-License-Identifier: 0BSD */
/* Transposed convolution: every output pixel gathers the input pixels whose windows reach it. */
#include "td_dot.h"
#include "td_kernels.h"
#include "td_window.h"

/* Output `c` from its sum of products. */
static int8_t finish(const td_transpose_conv *op, int32_t c, int32_t sum)
{
    return td_finish_channel(sum, &op->channels[c], op->highs.bounds[c * op->highs.step], op->output_offset);
}

void td_transpose_conv_s8(const td_transpose_conv *op, const td_tensor *in, const td_tensor *out, int32_t first,
                          int32_t last)
{
    const int32_t depth = in->channels;
    const int32_t pitch = op->kernel_height * op->kernel_width * depth;

    for (int32_t h = first; h < last; h++) {
        const int32_t place_h = h + op->pad_top;
        const td_range taps_h = td_taps_reaching(place_h, op->stride_height, op->kernel_height, in->height);
        int8_t *y = td_row(out, h);
        for (int32_t w = 0; w < out->width; w++, y += out->channels) {
            const int32_t place_w = w + op->pad_left;
            const td_range taps_w = td_taps_reaching(place_w, op->stride_width, op->kernel_width, in->width);
            int32_t c = 0;
            for (; c + 4 <= out->channels; c += 4) {
                int32_t sums[4] = {0, 0, 0, 0};
                for (int32_t i = taps_h.first; i < taps_h.last; i += op->stride_height) {
                    const int8_t *x = td_row(in, (place_h - i) / op->stride_height);
                    for (int32_t j = taps_w.first; j < taps_w.last; j += op->stride_width)
                        td_dot_4(x + (place_w - j) / op->stride_width * depth, op->input_offset,
                                 op->weights + c * pitch + (i * op->kernel_width + j) * depth, pitch, depth, sums);
                }
                for (int32_t i = 0; i < 4; i++)
                    y[c + i] = finish(op, c + i, sums[i]);
            }
            for (; c < out->channels; c++) {
                int32_t sum = 0;
                for (int32_t i = taps_h.first; i < taps_h.last; i += op->stride_height) {
                    const int8_t *x = td_row(in, (place_h - i) / op->stride_height);
                    for (int32_t j = taps_w.first; j < taps_w.last; j += op->stride_width)
                        sum += td_dot_1(x + (place_w - j) / op->stride_width * depth, op->input_offset,
                                        op->weights + c * pitch + (i * op->kernel_width + j) * depth, depth);
                }
                y[c] = finish(op, c, sum);
            }
        }
    }
}
