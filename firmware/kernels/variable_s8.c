/* SPDX-License-Identifier: 0BSD */
/* Values that one inference leaves for the next. */
#include <stddef.h>

#include "td_kernels.h"

/* The initial value of a byte. */
static int initial_at(const td_variable *op, int32_t place)
{
    return op->initial != NULL ? op->initial[place] : op->fill;
}

void td_read_variable_s8(const td_variable *op, const td_tensor *out, int32_t first, int32_t last, const void *state)
{
    const uint8_t *kept = state;
    for (int32_t row = first; row < last; row++) {
        int8_t *y = td_row(out, row);
        for (int32_t i = 0; i < op->row_bytes; i++) {
            const int32_t place = row * op->row_bytes + i;
            y[i] = (int8_t)(uint8_t)(kept[place] + initial_at(op, place));
        }
    }
}

void td_assign_variable_s8(const td_variable *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last, void *state)
{
    if (first >= last)
        return;
    uint8_t *kept = state;
    for (int32_t row = 0; row < in->height; row++) {
        const int8_t *x = td_row(in, row);
        for (int32_t i = 0; i < op->row_bytes; i++) {
            const int32_t place = row * op->row_bytes + i;
            kept[place] = (uint8_t)(x[i] - initial_at(op, place));
        }
    }
    *td_row(out, 0) = 0;
}
