/* SPDX-License-Identifier: 0BSD */
/* Products of matrices of int16. */
#include <stddef.h>

#include "td_wide.h"

/* A matrix of a tensor whose rows hold whole matrices. */
static int16_t *find_matrix(const td_tensor *tensor, int32_t number, int32_t size)
{
    const int32_t each = tensor->width * tensor->channels / size;
    return td_wide_row(tensor, number / each) + number % each * size;
}

static void multiply(const td_batch_matmul *op, const int16_t *a, const int16_t *b, int16_t *y)
{
    const td_wide_channel channel = {0, (int16_t)op->multiplier, (int16_t)op->shift};

    for (int32_t m = 0; m < op->rows; m++) {
        for (int32_t n = 0; n < op->columns; n++) {
            int64_t sum = 0;
            for (int32_t k = 0; k < op->depth; k++)
                sum += a[m * op->a_row + k * op->a_step] * b[k * op->b_step + n * op->b_column];
            *y++ = td_finish_wide(sum, &channel, INT16_MIN, INT16_MAX);
        }
    }
}

void td_batch_matmul_s16(const td_batch_matmul *op, const td_tensor *a, const td_tensor *b, const td_tensor *out,
                         int32_t first, int32_t last)
{
    const int32_t a_size = op->rows * op->depth;
    const int32_t b_size = op->depth * op->columns;
    const int32_t size = op->rows * op->columns;
    const int32_t each = out->width * out->channels / size;
    const int16_t *constant = op->constant;

    for (int32_t i = first * each; i < last * each; i++) {
        const int32_t at = op->one_b ? 0 : i;
        const int16_t *second = constant != NULL ? constant + at * b_size : find_matrix(b, at, b_size);
        multiply(op, find_matrix(a, op->one_a ? 0 : i, a_size), second, find_matrix(out, i, size));
    }
}
