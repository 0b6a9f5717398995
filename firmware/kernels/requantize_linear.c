/* SPDX-License-Identifier: 0BSD */
/* Requantization between int8 and int16 by one multiplication. */
#include "td_kernels.h"

/* |value << left| <= 2^30, so |factor * value| < 2^61; with |addend| < 2^62 no sum overflows. */
static inline int32_t requantize(td_linear_requantization op, int32_t value)
{
    const int32_t high = (int32_t)(((int64_t)op.factor * (value * (1 << op.left)) + op.addend) >> 32);
    return td_clamp(high >> op.right, op.low, op.high);
}

void td_requantize_linear(const td_linear_requantization *op, const td_tensor *in, const td_tensor *out, int32_t first,
                          int32_t last)
{
    const td_linear_requantization own = *op; /* which no store can change */
    const int32_t n = out->width * out->channels;

    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        const int16_t *wide_x = td_wide_row(in, h);
        int8_t *y = td_row(out, h);
        int16_t *wide_y = td_wide_row(out, h);
        if (!own.input_wide)
            for (int32_t i = 0; i < n; i++)
                wide_y[i] = (int16_t)requantize(own, x[i]);
        else if (own.output_wide)
            for (int32_t i = 0; i < n; i++)
                wide_y[i] = (int16_t)requantize(own, wide_x[i]);
        else
            for (int32_t i = 0; i < n; i++)
                y[i] = (int8_t)requantize(own, wide_x[i]);
    }
}
