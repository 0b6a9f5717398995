/* SPDX-License-Identifier: 0BSD */
/* A 1x1 convolution into tiles, and the depthwise convolution of each tile. */
#include "td_kernels.h"

/* Both convolutions as they are for some channels. */
typedef struct {
    td_conv_2d_gemm expansion;
    td_depthwise_conv_2d_planar depthwise;
} parts;

/* Constants of the channels from `c` on; a multiple of the expansion's block. */
static void take_channels(const td_expanded_depthwise_conv_2d *op, int32_t c, parts *p)
{
    const td_conv_2d_gemm *expansion = op->expansion;
    const td_depthwise_conv_2d_planar *depthwise = op->depthwise;
    p->expansion.weights = expansion->weights + c * expansion->depth;
    p->expansion.channels = expansion->channels + c;
    p->expansion.highs.bounds = expansion->highs.bounds + c * expansion->highs.step;
    p->depthwise.weights = depthwise->weights + c * depthwise->kernel_height * depthwise->kernel_width;
    p->depthwise.channels = depthwise->channels + c;
    p->depthwise.highs.bounds = depthwise->highs.bounds + c * depthwise->highs.step;
}

/* Rows [first, last) of all channels, no more than a band. */
static void make_band(const td_expanded_depthwise_conv_2d *op, parts *p, const td_tensor *in, const td_tensor *out,
                      int32_t first, int32_t last, int8_t *scratch)
{
    const td_depthwise_conv_2d_planar *depthwise = op->depthwise;
    const int32_t top = first * depthwise->stride_height - depthwise->pad_top;
    const int32_t bottom = (last - 1) * depthwise->stride_height - depthwise->pad_top + depthwise->kernel_height;
    const int32_t begin = top < 0 ? 0 : top;
    const int32_t end = bottom < in->height ? bottom : in->height;
    td_tensor tile = {.pitch = in->width * op->channels, .height = in->height, .width = in->width, .channels = op->channels};
    td_tensor part = *out;

    tile.base = scratch - begin * tile.pitch; /* rows [begin, end) of it are there */
    for (int32_t c = 0; c < out->channels; c += op->channels) {
        take_channels(op, c, p);
        part.base = out->base + c;
        td_conv_2d_gemm_s8(&p->expansion, in, &tile, begin, end, scratch + op->tile_bytes);
        td_depthwise_conv_2d_planar_s8(&p->depthwise, &tile, &part, first, last, scratch + op->tile_bytes);
    }
}

void td_expanded_depthwise_conv_2d_s8(const td_expanded_depthwise_conv_2d *op, const td_tensor *in,
                                      const td_tensor *out, int32_t first, int32_t last, void *scratch)
{
    parts p = {*op->expansion, *op->depthwise};
    for (int32_t h = first; h < last; h += op->band)
        make_band(op, &p, in, out, h, last - h < op->band ? last : h + op->band, scratch);
}
