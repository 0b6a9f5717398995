/* SPDX-License-Identifier: 0BSD */
/* Addition and subtraction of operands that are scaled by tables. */
#include "td_kernels.h"

/* |table1[] + table2[]| < 2^29, so with a multiplier below 2^31 `high` is below 2^28 and nothing overflows; that adding
 * the sign of the sum rounds halves away from zero is shown in td_product.h. */
static inline int8_t add(const td_add_table *op, int32_t x1, int32_t x2)
{
    const int32_t twice = op->table1[x1 + 128] + op->table2[x2 + 128];
    const int32_t high = (int32_t)(((int64_t)twice * op->multiplier + 0x80000000LL) >> 32);
    return (int8_t)td_clamp((high + op->addend + (twice >> 31)) >> op->shift, INT8_MIN, INT8_MAX);
}

TD_NOINLINE static void add_run(const td_add_table *op, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count)
{
    const td_add_table copy = *op; /* y cannot change it: it stays in registers */
    for (int32_t i = 0; i < count; i++)
        y[i] = add(&copy, x1[i], x2[i]);
}

void td_add_table_s8(const td_add_table *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                     int32_t first, int32_t last)
{
    const int32_t row_size = out->width * out->channels;
    const int32_t run = in2->width == out->width ? row_size : out->channels; /* of in2; one pixel serves for all */

    for (int32_t h = first; h < last; h++) {
        const int8_t *x1 = td_row(in1, h);
        const int8_t *x2 = td_row(in2, in2->height == 1 ? 0 : h);
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < row_size; i += run)
            add_run(op, x1 + i, x2, y + i, run);
        if (op->bound)
            op->bound(y, row_size, op->low, op->high);
    }
}
