/* SPDX-License-Identifier: 0BSD */
/* Requantization between int8 and int16 by one multiplication. */
#include "td_requantize_rows.h"

/* |value << left| <= 2^30, so |factor * value| < 2^61; with |addend| < 2^62 no sum overflows. */
static inline int32_t requantize(const void *parameters, int32_t value)
{
    const td_linear_requantization *op = parameters;
    const int32_t high = (int32_t)(((int64_t)op->factor * (value * (1 << op->left)) + op->addend) >> 32);
    return td_clamp(high >> op->right, op->low, op->high);
}

void td_requantize_linear(const td_linear_requantization *op, const td_tensor *in, const td_tensor *out, int32_t first,
                          int32_t last)
{
    const td_linear_requantization own = *op; /* which no store can change */
    td_apply_requantization(requantize, &own, own.input_wide, own.output_wide, in, out, first, last);
}
