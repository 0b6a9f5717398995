/* SPDX-License-Identifier: 0BSD */
/* Padding with a constant. */
#include <string.h>

#include "td_copy.h"
#include "td_kernels.h"

void td_pad_s8(const td_pad *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        memset(y, op->value, (size_t)(out->width * out->channels));
        if (h < op->top || h >= op->top + in->height)
            continue;
        const int8_t *x = td_row(in, h - op->top);
        y += op->left * out->channels + op->front;
        if (in->channels == out->channels)
            memcpy(y, x, (size_t)(in->width * in->channels));
        else
            td_copy_pieces(y, out->channels, x, in->channels, in->channels, in->width);
    }
}
