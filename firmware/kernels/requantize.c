/* SPDX-License-Identifier: 0BSD */
/* Requantization between int8 and int16. */
#include "td_kernels.h"

void td_requantize_rows(const td_requantization *op, const td_tensor *in, const td_tensor *out, int32_t first,
                        int32_t last)
{
    const int32_t n = out->width * out->channels;

    for (int32_t h = first; h < last; h++) {
        const int8_t *x = td_row(in, h);
        const int16_t *wide_x = td_wide_row(in, h);
        int8_t *y = td_row(out, h);
        int16_t *wide_y = td_wide_row(out, h);
        for (int32_t i = 0; i < n; i++) {
            const int32_t raw = op->input_wide ? wide_x[i] : x[i];
            const int32_t scaled = td_requantize(raw + op->input_offset, op->multiplier, op->shift);
            const int32_t value = td_clamp(scaled + op->output_offset, op->low, op->high);
            if (op->output_wide)
                wide_y[i] = (int16_t)value;
            else
                y[i] = (int8_t)value;
        }
    }
}
