/* SPDX-License-Identifier: 0BSD */
/* Multiplication by the core loop of td_product.h. */
#include "td_kernels.h"

static void multiply_run(const td_product *product, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count)
{
    const int32_t in_fours = count & ~3;
    if (in_fours)
        td_multiply_fours(product, x1, x2, y, in_fours);
    for (int32_t i = in_fours; i < count; i++)
        y[i] = td_product_element(product, x1[i], x2[i]);
}

void td_mul_fours_s8(const td_mul_fours *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                     int32_t first, int32_t last)
{
    const int32_t row_size = out->width * out->channels;
    const int32_t run = in2->width == out->width ? row_size : out->channels; /* of in2; one pixel serves for all */

    for (int32_t h = first; h < last; h++) {
        const int8_t *x1 = td_row(in1, h);
        const int8_t *x2 = td_row(in2, in2->height == 1 ? 0 : h);
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < row_size; i += run)
            multiply_run(&op->product, x1 + i, x2, y + i, run);
        if (op->bound)
            op->bound(y, row_size, op->low, op->high);
    }
}
