/* SPDX-License-Identifier: 0BSD */
/* Concatenation. */
#include <string.h>

#include "td_copy.h"
#include "td_kernels.h"

static void stack_rows(const td_concatenation *op, const td_tensor *const *in, const td_tensor *out, int32_t first,
                       int32_t last)
{
    for (int32_t h = first; h < last; h++) {
        int32_t row = h;
        int32_t i = 0;
        while (i + 1 < op->inputs && row >= in[i]->height)
            row -= in[i++]->height;
        memcpy(td_row(out, h), td_row(in[i], row), (size_t)(out->width * out->channels));
    }
}

void td_concatenation_s8(const td_concatenation *op, const td_tensor *const *in, const td_tensor *out, int32_t first,
                         int32_t last)
{
    if (op->pieces == 0) {
        stack_rows(op, in, out, first, last);
        return;
    }
    const int32_t out_piece = out->width * out->channels / op->pieces;
    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < op->inputs; i++) {
            const int32_t size = in[i]->width * in[i]->channels / op->pieces;
            td_copy_pieces(y, out_piece, td_row(in[i], h), size, size, op->pieces);
            y += size;
        }
    }
}
