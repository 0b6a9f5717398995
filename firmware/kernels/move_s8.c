/* SPDX-License-Identifier: 0BSD */
/* Bytes in another order: loops over a box of the output that step through the input. */
#include <string.h>

#include "td_copy.h"
#include "td_move.h"

/* The innermost loop. */
static void copy_run(const td_move_level *level, const td_tensor *in, td_place p, int8_t *y)
{
    y += p.offset;
    if (level->indices || level->row_step) {
        for (int32_t i = 0; i < level->count; i++) {
            const td_place q = td_go_to(level, i, p);
            y[i * level->out_step] = td_row(in, q.row)[q.column];
        }
        return;
    }
    const int8_t *x = td_row(in, p.row) + p.column;
    if (level->step == 0 && level->out_step == 1)
        memset(y, *x, (size_t)level->count);
    else if (level->step == 1 && level->out_step == 1)
        td_copy_pieces(y, 0, x, 0, level->count, 1);
    else
        for (int32_t i = 0; i < level->count; i++)
            y[i * level->out_step] = x[i * level->step];
}

void td_move_s8(const td_move *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const td_move_level *const levels = op->levels + op->row_levels;
    const td_move_level *const middle = levels + op->outer_levels;
    const int32_t outer = td_count_turns(levels, op->outer_levels);
    if (first < op->first)
        first = op->first;
    if (last > op->last)
        last = op->last;

    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        const td_place p = td_row_place(op, h);
        for (int32_t i = 0; i < outer; i++) {
            const td_place q = td_go_to_all(levels, op->outer_levels, i, p);
            for (int32_t j = 0; j < middle->count; j++)
                copy_run(middle + 1, in, td_go_to(middle, j, q), y);
        }
    }
}
