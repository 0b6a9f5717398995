/* SPDX-License-Identifier: 0BSD */
/* The index of the largest or smallest element along a dimension. */
#include <string.h>

#include "td_move.h"

/* The index of the first of the largest values of sign * element, of those that begin at `p`. */
static int32_t find_first(const td_arg_extreme *op, const td_tensor *in, td_place p)
{
    int32_t largest = -129;
    int32_t found = 0;
    for (int32_t i = 0; i < op->count; i++) {
        const int32_t value = op->sign * td_row(in, p.row + i * op->row_step)[p.column + i * op->step];
        if (value > largest) {
            largest = value;
            found = i;
        }
    }
    return found;
}

void td_arg_extreme_s8(const td_arg_extreme *op, const td_tensor *in, const td_tensor *out, int32_t first,
                       int32_t last)
{
    const td_move *box = &op->box;
    const td_move_level *levels = box->levels + box->row_levels;
    const int32_t count = box->outer_levels + 2;
    const int32_t elements = td_count_turns(levels, count);

    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        const td_place p = td_row_place(box, h);
        for (int32_t i = 0; i < elements; i++) {
            const td_place q = td_go_to_all(levels, count, i, p);
            const int32_t index[2] = {find_first(op, in, q), 0}; /* little-endian, not negative */
            memcpy(y + q.offset, index, 4 * (size_t)op->words);
        }
    }
}
