/* SPDX-License-Identifier: 0BSD */
/* Products of matrices. */
#include <stddef.h>

#include "td_kernels.h"

/* A matrix of a tensor whose rows hold whole matrices. */
static int8_t *find_matrix(const td_tensor *tensor, int32_t number, int32_t size)
{
    const int32_t each = tensor->width * tensor->channels / size;
    return td_row(tensor, number / each) + number % each * size;
}

static void multiply(const td_batch_matmul *op, const int8_t *a, const int8_t *b, int8_t *y)
{
    for (int32_t m = 0; m < op->rows; m++) {
        for (int32_t n = 0; n < op->columns; n++) {
            int32_t sum = 0;
            for (int32_t k = 0; k < op->depth; k++) {
                const int32_t first = a[m * op->a_row + k * op->a_step] + op->a_offset;
                sum += first * (b[k * op->b_step + n * op->b_column] + op->b_offset);
            }
            const int32_t value = td_requantize(sum, op->multiplier, op->shift);
            *y++ = (int8_t)td_clamp(td_add_wrapping(value, op->output_offset), INT8_MIN, INT8_MAX);
        }
    }
}

void td_batch_matmul_s8(const td_batch_matmul *op, const td_tensor *a, const td_tensor *b, const td_tensor *out,
                        int32_t first, int32_t last)
{
    const int32_t a_size = op->rows * op->depth;
    const int32_t b_size = op->depth * op->columns;
    const int32_t size = op->rows * op->columns;
    const int32_t each = out->width * out->channels / size;
    const int8_t *constant = op->constant;

    for (int32_t i = first * each; i < last * each; i++) {
        const int32_t at = op->one_b ? 0 : i;
        const int8_t *second = constant != NULL ? constant + at * b_size : find_matrix(b, at, b_size);
        multiply(op, find_matrix(a, op->one_a ? 0 : i, a_size), second, find_matrix(out, i, size));
    }
}
