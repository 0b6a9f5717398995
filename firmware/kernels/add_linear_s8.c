/* SPDX-License-Identifier: 0BSD */
/* Addition and subtraction by the core loops of td_linear_sum.h. */
#include "td_kernels.h"

static void add_run(const td_add_linear *op, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count)
{
    const int32_t in_eights = count & ~7;
    if (in_eights)
        op->add(&op->sum, x1, x2, y, in_eights);
    for (int32_t i = in_eights; i < count; i++)
        y[i] = td_linear_sum_element(&op->sum, x1[i], x2[i], op->shift);
}

void td_add_linear_s8(const td_add_linear *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
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
