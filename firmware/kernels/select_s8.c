/* SPDX-License-Identifier: 0BSD */
/* One of two elements, as a truth value says. */
#include "td_kernels.h"

/* Where an operand's elements lie: its single row, pixel or channel serves for all. */
typedef struct {
    const int8_t *row;
    int32_t pixel;   /* bytes from one pixel to the next */
    int32_t element; /* bytes from one channel to the next */
} operand;

static operand find_row(const td_tensor *in, int32_t h)
{
    const operand found = {
        td_row(in, in->height == 1 ? 0 : h),
        in->width == 1 ? 0 : in->channels,
        in->channels == 1 ? 0 : 1,
    };
    return found;
}

void td_select_s8(const td_tensor *condition, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                  int32_t first, int32_t last)
{
    for (int32_t h = first; h < last; h++) {
        const operand truth = find_row(condition, h);
        const operand one = find_row(in1, h);
        const operand other = find_row(in2, h);
        int8_t *y = td_row(out, h);
        for (int32_t w = 0; w < out->width; w++)
            for (int32_t c = 0; c < out->channels; c++) {
                const operand *x = truth.row[w * truth.pixel + c * truth.element] != 0 ? &one : &other;
                *y++ = x->row[w * x->pixel + c * x->element];
            }
    }
}
