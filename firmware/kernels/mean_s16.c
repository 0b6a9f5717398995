/* SPDX-License-Identifier: 0BSD */
/* Means of int16 over some dimensions. */
#include <string.h>

#include "td_move.h"

void td_mean_s16(const td_mean_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
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
            int32_t sum = 0;
            for (int32_t k = 0; k < taken; k++) {
                const td_place r = td_go_to_all(op->levels, op->level_count, k, q);
                int16_t value;
                memcpy(&value, td_row(in, r.row) + r.column, sizeof value);
                sum += value;
            }
            const int32_t scaled = td_requantize(sum, op->multiplier, op->shift);
            const int16_t mean = (int16_t)td_clamp(scaled, INT16_MIN, INT16_MAX);
            memcpy(y + q.offset, &mean, sizeof mean);
        }
    }
}
