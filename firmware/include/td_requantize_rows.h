/* SPDX-License-Identifier: 0BSD */
/* The loop that kernels share which turn elements of int8 or int16 into such of either type. */
#ifndef TD_REQUANTIZE_ROWS_H
#define TD_REQUANTIZE_ROWS_H

#include "td_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out = function(parameters, in) for the rows [first, last); `input_wide` and `output_wide` say what is int16. Kernels pass a
 * static inline function, which compilers expand in place. */
static inline void td_apply_requantization(int32_t (*function)(const void *parameters, int32_t value),
                                           const void *parameters, int32_t input_wide, int32_t output_wide,
                                           const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t n = out->width * out->channels;

    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        const int16_t *wide_x = td_wide_row(in, h);
        int8_t *y = td_row(out, h);
        int16_t *wide_y = td_wide_row(out, h);
        if (!input_wide)
            for (int32_t i = 0; i < n; i++)
                wide_y[i] = (int16_t)function(parameters, x[i]);
        else if (output_wide)
            for (int32_t i = 0; i < n; i++)
                wide_y[i] = (int16_t)function(parameters, wide_x[i]);
        else
            for (int32_t i = 0; i < n; i++)
                y[i] = (int8_t)function(parameters, wide_x[i]);
    }
}

#ifdef __cplusplus
}
#endif

#endif
