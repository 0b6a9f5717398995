/* SPDX-License-Identifier: 0BSD */
/* Which taps of a kernel window lie inside the image, and max-pooling of one row through such windows. */
#ifndef TD_WINDOW_H
#define TD_WINDOW_H

#include <string.h>

#include "td_core.h"
#include "td_kernels.h"

#if TD_DSP
#include <arm_acle.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Half-open; empty where first == last. */
typedef struct {
    int32_t first;
    int32_t last;
} td_range;

/* The taps t of [0, kernel) with 0 <= origin + t * dilation < size; {0, 0} if there are none. */
static inline td_range td_taps_inside(int32_t origin, int32_t dilation, int32_t kernel, int32_t size)
{
    int32_t first = 0;
    int32_t last = kernel;
    if (origin < 0)
        first = dilation == 1 ? -origin : (dilation - 1 - origin) / dilation;
    if (origin + (kernel - 1) * dilation >= size)
        last = dilation == 1 ? size - origin : origin < size ? (dilation - 1 + size - origin) / dilation : 0;
    const td_range taps = {first, last};
    const td_range none = {0, 0};
    return first < last ? taps : none;
}

/* The part of the window of one output pixel that lies inside the image. */
typedef struct {
    td_range taps_h;
    td_range taps_w;
    int32_t origin_h; /* row of tap 0 */
    int32_t start;    /* elements from the start of an input row to the first tap inside */
} td_window;

/* Places a window's columns, of which tap 0 lies in column `origin`. */
static inline void td_place_columns(td_window *window, const td_tensor *in, int32_t origin, int32_t dilation,
                                    int32_t kernel)
{
    window->taps_w = td_taps_inside(origin, dilation, kernel, in->width);
    window->start = 0;
    if (window->taps_w.first < window->taps_w.last)
        window->start = (origin + window->taps_w.first * dilation) * in->channels;
}

/* The input rows under the windows of pooled row `h`. */
static inline td_range td_pooled_rows(const td_max_pool_2d *op, int32_t h)
{
    const int32_t origin = h * op->stride_height - op->pad_top;
    const td_range taps = td_taps_inside(origin, 1, op->kernel_height, op->in_height);
    const td_range rows = {origin + taps.first, origin + taps.last};
    return rows;
}

/* The larger of each of four bytes. */
static inline uint32_t td_larger_4(uint32_t a, uint32_t b)
{
#if TD_DSP
    (void)__ssub8((int8x4_t)a, (int8x4_t)b); /* sets the flags that SEL chooses by */
    return __sel(a, b);
#else
    uint32_t larger = 0;
    for (uint32_t i = 0; i < 32; i += 8)
        larger |= ((int8_t)(a >> i) > (int8_t)(b >> i) ? a : b) & (0xffU << i);
    return larger;
#endif
}

/* out = max(out, a, b) for each of `count` bytes. */
static inline void td_take_larger(int8_t *out, const int8_t *a, const int8_t *b, int32_t count)
{
    int32_t c = 0;
    for (; c + 4 <= count; c += 4) {
        uint32_t words[3];
        memcpy(&words[0], out + c, 4);
        memcpy(&words[1], a + c, 4);
        memcpy(&words[2], b + c, 4);
        words[0] = td_larger_4(words[0], td_larger_4(words[1], words[2]));
        memcpy(out + c, words, 4);
    }
    for (; c < count; c++) {
        const int8_t larger = a[c] > b[c] ? a[c] : b[c];
        if (larger > out[c])
            out[c] = larger;
    }
}

/* out[w] = max(out[w], the pixels of the input row `x` in window w), channel by channel. */
static inline void td_max_pool_row(const td_max_pool_2d *op, const int8_t *x, int8_t *out, int32_t out_width,
                                   int32_t channels)
{
    for (int32_t w = 0; w < out_width; w++, out += channels) {
        const int32_t origin = w * op->stride_width - op->pad_left;
        const td_range taps = td_taps_inside(origin, 1, op->kernel_width, op->in_width);
        const int8_t *pixel = x + (origin + taps.first) * channels;
        for (int32_t t = taps.first; t < taps.last; t += 2, pixel += 2 * channels)
            td_take_larger(out, pixel, t + 1 < taps.last ? pixel + channels : pixel, channels);
    }
}

/* The two steps around td_max_pool_row: an output row begins as the lower bound and ends limited to the upper one. */
static inline void td_start_max_pool_row(const td_max_pool_2d *op, int8_t *out, int32_t out_width, int32_t channels)
{
    memset(out, op->low, (size_t)(out_width * channels));
}

static inline void td_finish_max_pool_row(const td_max_pool_2d *op, int8_t *out, int32_t out_width, int32_t channels)
{
    if (op->high == INT8_MAX)
        return;
    for (int32_t i = 0; i < out_width * channels; i++)
        if (out[i] > op->high)
            out[i] = (int8_t)op->high;
}

/* One of the two dimensions of a transposed convolution: taps first, first + stride, ... below last reach the output at `position`, from the inputs
 * (position - tap) / stride, all of which are there. position >= 0. */
static inline td_range td_taps_reaching(int32_t position, int32_t stride, int32_t kernel, int32_t size)
{
    const int32_t beyond = position - size * stride; /* the tap that the first input behind the end would take */
    td_range taps = {position % stride, position + 1 < kernel ? position + 1 : kernel};
    if (beyond >= taps.first)
        taps.first = beyond + stride;
    return taps;
}

#ifdef __cplusplus
}
#endif

#endif
