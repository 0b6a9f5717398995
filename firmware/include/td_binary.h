/* SPDX-License-Identifier: 0BSD */
/* The loop that all element-by-element kernels of two inputs share. */
#ifndef TD_BINARY_H
#define TD_BINARY_H

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out = function(parameters, in1, in2) element by element for the rows [first, last), with an input's single row, pixel
 * or channel serving for all. Kernels pass a static inline function, which compilers expand in place. */
static inline void td_apply_binary(int8_t (*function)(const void *parameters, int32_t value1, int32_t value2),
                                   const void *parameters, const td_tensor *in1, const td_tensor *in2,
                                   const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t pixel1 = in1->width == 1 ? 0 : in1->channels; /* bytes from one pixel to the next */
    const int32_t pixel2 = in2->width == 1 ? 0 : in2->channels;
    const int32_t element1 = in1->channels == 1 ? 0 : 1; /* bytes from one channel to the next */
    const int32_t element2 = in2->channels == 1 ? 0 : 1;

    for (int32_t h = first; h < last; h++) {
        const int8_t *x1 = td_row(in1, in1->height == 1 ? 0 : h);
        const int8_t *x2 = td_row(in2, in2->height == 1 ? 0 : h);
        int8_t *y = td_row(out, h);
        for (int32_t w = 0; w < out->width; w++, x1 += pixel1, x2 += pixel2, y += out->channels)
            for (int32_t c = 0; c < out->channels; c++)
                y[c] = function(parameters, x1[c * element1], x2[c * element2]);
    }
}

/* The same for int16. */
static inline void td_apply_wide_binary(int16_t (*function)(const void *parameters, int32_t value1, int32_t value2),
                                        const void *parameters, const td_tensor *in1, const td_tensor *in2,
                                        const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t pixel1 = in1->width == 1 ? 0 : in1->channels; /* elements from one pixel to the next */
    const int32_t pixel2 = in2->width == 1 ? 0 : in2->channels;
    const int32_t element1 = in1->channels == 1 ? 0 : 1; /* elements from one channel to the next */
    const int32_t element2 = in2->channels == 1 ? 0 : 1;

    for (int32_t h = first; h < last; h++) {
        const int16_t *x1 = (const int16_t *)(void *)td_row(in1, in1->height == 1 ? 0 : h);
        const int16_t *x2 = (const int16_t *)(void *)td_row(in2, in2->height == 1 ? 0 : h);
        int16_t *y = (int16_t *)(void *)td_row(out, h);
        for (int32_t w = 0; w < out->width; w++, x1 += pixel1, x2 += pixel2, y += out->channels)
            for (int32_t c = 0; c < out->channels; c++)
                y[c] = function(parameters, x1[c * element1], x2[c * element2]);
    }
}

/* Elements that lie side by side in both inputs and `out`: those of a row, or of a pixel where one serves for all; 0 where
 * a single channel does. */
static inline int32_t td_common_run(const td_tensor *in1, const td_tensor *in2, const td_tensor *out)
{
    if (in1->channels != out->channels || in2->channels != out->channels)
        return 0;
    return in1->width == out->width && in2->width == out->width ? out->width * out->channels : out->channels;
}

/* The same as td_apply_binary by a function that makes `count` elements, run by run. */
static inline void td_apply_runs(void (*function)(const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count),
                                 int32_t run, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                                 int32_t first, int32_t last)
{
    const int32_t row_size = out->width * out->channels;
    const int32_t step1 = in1->width == out->width ? run : 0;
    const int32_t step2 = in2->width == out->width ? run : 0;

    for (int32_t h = first; h < last; h++) {
        const int8_t *x1 = td_row(in1, in1->height == 1 ? 0 : h);
        const int8_t *x2 = td_row(in2, in2->height == 1 ? 0 : h);
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < row_size; i += run, x1 += step1, x2 += step2)
            function(x1, x2, y + i, run);
    }
}

#ifdef __cplusplus
}
#endif

#endif
