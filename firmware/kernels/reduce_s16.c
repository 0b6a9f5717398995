/* SPDX-License-Identifier: 0BSD */
/* Means and extremes of int16 over some dimensions. */
#include <string.h>

#include "td_move.h"

/* Takes one element into a sum or an extreme. */
static int32_t take(td_reduction kind, int32_t value, int32_t x)
{
    if (kind == TD_SUM)
        return value + x;
    return (kind == TD_LARGEST ? x > value : x < value) ? x : value;
}

void td_reduce_s16(const td_reduce_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const td_move *box = &op->box;
    const td_move_level *levels = box->levels + box->row_levels;
    const int32_t count = box->outer_levels + 2;
    const int32_t elements = td_count_turns(levels, count);
    const int32_t taken = td_count_turns(op->levels, op->level_count);

    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        const td_place p = td_row_place(box, h);
        for (int32_t i = 0; i < elements; i++) {
            const td_place q = td_go_to_all(levels, count, i, p);
            int32_t result = op->kind == TD_SUM ? 0 : op->kind == TD_LARGEST ? INT16_MIN : INT16_MAX;
            for (int32_t k = 0; k < taken; k++) {
                const td_place r = td_go_to_all(op->levels, op->level_count, k, q);
                int16_t value;
                memcpy(&value, td_row(in, r.row) + r.column, sizeof value);
                result = take(op->kind, result, value);
            }
            if (op->kind == TD_SUM)
                result = td_requantize(result, op->multiplier, op->shift);
            const int16_t element = (int16_t)td_clamp(result, INT16_MIN, INT16_MAX);
            memcpy(y + q.offset, &element, sizeof element);
        }
    }
}
