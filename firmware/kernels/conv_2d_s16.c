/* SPDX-License-Identifier: 0BSD */
/* 2-D convolution of int16 activations: two output channels at a time. */
#include "td_kernels.h"
#include "td_wide_dot.h"
#include "td_window.h"

/* sums[i] = sum over the window of weights * input for output channels c and, if `next` is not 0, c + 1. */
static void sum_window(const td_conv_2d_wide *op, const td_tensor *in, const td_window *inside, int32_t c, int32_t next,
                       int64_t sums[2])
{
    const int32_t depth = in->channels;
    const int32_t size = op->kernel_width * depth;
    const int32_t pitch = op->kernel_height * size;
    /* Taps side by side are one run. */
    const int32_t taps = op->dilation_width == 1 ? inside->taps_w.last - inside->taps_w.first : 1;

    sums[0] = sums[1] = 0;
    for (int32_t i = inside->taps_h.first; i < inside->taps_h.last; i++) {
        const int16_t *x = td_wide_row(in, inside->origin_h + i * op->dilation_height) + inside->start;
        const int8_t *row = op->weights + c * pitch + i * size;
        for (int32_t t = inside->taps_w.first; t < inside->taps_w.last; t += taps, x += op->dilation_width * depth)
            td_wide_dot_2(x, row, next * pitch, size, t * depth, (t + taps) * depth, sums);
    }
}

void td_conv_2d_s16(const td_conv_2d_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    for (int32_t h = first; h < last; h++) {
        int16_t *y = td_wide_row(out, h);
        td_window inside;
        inside.origin_h = h * op->stride_height - op->pad_top;
        inside.taps_h = td_taps_inside(inside.origin_h, op->dilation_height, op->kernel_height, in->height);
        for (int32_t w = 0; w < out->width; w++, y += out->channels) {
            const int32_t origin_w = w * op->stride_width - op->pad_left;
            td_place_columns(&inside, in, origin_w, op->dilation_width, op->kernel_width);
            for (int32_t c = 0; c < out->channels; c += 2) {
                const int32_t next = c + 1 < out->channels;
                int64_t sums[2];
                sum_window(op, in, &inside, c, next, sums);
                y[c] = td_finish_wide(sums[0], &op->channels[c], op->low, op->high);
                if (next)
                    y[c + 1] = td_finish_wide(sums[1], &op->channels[c + 1], op->low, op->high);
            }
        }
    }
}
