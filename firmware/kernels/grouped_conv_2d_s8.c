/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution of groups of channels. */
#include "td_dot.h"
#include "td_kernels.h"
#include "td_window.h"

/* Output `c` from its sum of products. */
static int8_t finish(const td_grouped_conv_2d *op, int32_t c, int32_t sum)
{
    return td_finish_channel(sum, &op->channels[c], op->highs.bounds[c * op->highs.step], op->output_offset);
}

void td_grouped_conv_2d_s8(const td_grouped_conv_2d *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last)
{
    const int32_t depth = op->depth;
    const int32_t members = out->channels / (in->channels / depth); /* output channels of a group */
    const int32_t pitch = op->kernel_height * op->kernel_width * depth;

    for (int32_t h = first; h < last; h++) {
        const int32_t origin_h = h * op->stride_height - op->pad_top;
        const td_range taps_h = td_taps_inside(origin_h, op->dilation_height, op->kernel_height, in->height);
        int8_t *y = td_row(out, h);
        for (int32_t w = 0; w < out->width; w++, y += out->channels) {
            const int32_t origin_w = w * op->stride_width - op->pad_left;
            const td_range taps_w = td_taps_inside(origin_w, op->dilation_width, op->kernel_width, in->width);
            int32_t count; /* channels at a time, of one group */
            for (int32_t c = 0; c < out->channels; c += count) {
                count = members - c % members >= 4 ? 4 : 1;
                int32_t sums[4] = {0, 0, 0, 0};
                for (int32_t i = taps_h.first; i < taps_h.last; i++) {
                    const int8_t *row = td_row(in, origin_h + i * op->dilation_height) + c / members * depth;
                    for (int32_t j = taps_w.first; j < taps_w.last; j++) {
                        const int8_t *x = row + (origin_w + j * op->dilation_width) * in->channels;
                        const int8_t *weights = op->weights + c * pitch + (i * op->kernel_width + j) * depth;
                        if (count == 4)
                            td_dot_4(x, op->input_offset, weights, pitch, depth, sums);
                        else
                            sums[0] += td_dot_1(x, op->input_offset, weights, depth);
                    }
                }
                for (int32_t i = 0; i < count; i++)
                    y[c + i] = finish(op, c + i, sums[i]);
            }
        }
    }
}
