/* SPDX-License-Identifier: 0BSD */
/* A slope for each sign of int16 values. */
#include "td_kernels.h"

void td_slopes_s16(const td_slopes_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t n = out->width * out->channels;

    for (int32_t h = first; h < last; h++) {
        const int16_t *x = td_wide_row(in, h);
        int16_t *y = td_wide_row(out, h);
        for (int32_t i = 0; i < n; i++) {
            const int32_t value = x[i] >= 0
                ? td_requantize(x[i], op->above_multiplier, op->above_shift)
                : td_requantize(op->negates ? -x[i] : x[i], op->below_multiplier, op->below_shift);
            y[i] = (int16_t)td_clamp(value, INT16_MIN, INT16_MAX);
        }
    }
}
