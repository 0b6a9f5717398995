/* SPDX-License-Identifier: 0BSD */
/* Requantization between int8 and int16. */
#include "td_requantize_rows.h"

static inline int32_t requantize(const void *parameters, int32_t value)
{
    const td_requantization *op = parameters;
    const int32_t scaled = td_requantize(value + op->input_offset, op->multiplier, op->shift);
    return td_clamp(scaled + op->output_offset, op->low, op->high);
}

void td_requantize_rows(const td_requantization *op, const td_tensor *in, const td_tensor *out, int32_t first,
                        int32_t last)
{
    const td_requantization own = *op; /* which no store can change */
    td_apply_requantization(requantize, &own, own.input_wide, own.output_wide, in, out, first, last);
}
