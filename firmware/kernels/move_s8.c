/* SPDX-License-Identifier: 0BSD */
/* Bytes in another order: loops over a box of the output that step through the input. */
#include <string.h>

#include "td_copy.h"
#include "td_kernels.h"

typedef struct {
    int32_t row;    /* of the input */
    int32_t column; /* byte of that row */
    int32_t offset; /* byte of a row of the output */
} place;

static inline place go_to(const td_move_level *level, int32_t turn, place p)
{
    const int32_t index = level->indices ? level->indices[turn] : turn;
    p.row += index * level->row_step;
    p.column += index * level->step;
    p.offset += turn * level->out_step;
    return p;
}

/* `p` after turn `number` of all of several loops, counted through from the outermost to the innermost. */
static place go_to_all(const td_move_level *levels, int32_t count, int32_t number, place p)
{
    for (const td_move_level *level = levels + count; level > levels;) {
        level--;
        const int32_t outer = number / level->count;
        p = go_to(level, number - outer * level->count, p);
        number = outer;
    }
    return p;
}

/* The innermost loop. */
static void copy_run(const td_move_level *level, const td_tensor *in, place p, int8_t *y)
{
    y += p.offset;
    if (level->indices || level->row_step) {
        for (int32_t i = 0; i < level->count; i++) {
            const place q = go_to(level, i, p);
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
    const place start = {op->row, op->column, op->offset};
    int32_t outer = 1;
    for (int32_t i = 0; i < op->outer_levels; i++)
        outer *= levels[i].count;
    if (first < op->first)
        first = op->first;
    if (last > op->last)
        last = op->last;

    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        place p = go_to_all(op->levels, op->row_levels, h - op->first, start);
        p.offset = op->offset;
        for (int32_t i = 0; i < outer; i++) {
            const place q = go_to_all(levels, op->outer_levels, i, p);
            for (int32_t j = 0; j < middle->count; j++)
                copy_run(middle + 1, in, go_to(middle, j, q), y);
        }
    }
}
