/* SPDX-License-Identifier: 0BSD */
/* Places in a box of bytes that loops run over; the loops are described with td_move in td_kernels.h. */
#ifndef TD_MOVE_H
#define TD_MOVE_H

#include "td_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t row;    /* of the input */
    int32_t column; /* byte of that row */
    int32_t offset; /* byte of a row of the output */
} td_place;

/* `p` at one turn of a loop. */
static inline td_place td_go_to(const td_move_level *level, int32_t turn, td_place p)
{
    const int32_t index = level->indices ? level->indices[turn] : turn;
    p.row += index * level->row_step;
    p.column += index * level->step;
    p.offset += turn * level->out_step;
    return p;
}

/* `p` at turn `number` of all of several loops, counted through from the outermost to the innermost. */
static inline td_place td_go_to_all(const td_move_level *levels, int32_t count, int32_t number, td_place p)
{
    for (const td_move_level *level = levels + count; level > levels;) {
        level--;
        const int32_t outer = number / level->count;
        p = td_go_to(level, number - outer * level->count, p);
        number = outer;
    }
    return p;
}

/* Turns of all of several loops. */
static inline int32_t td_count_turns(const td_move_level *levels, int32_t count)
{
    int32_t turns = 1;
    for (int32_t i = 0; i < count; i++)
        turns *= levels[i].count;
    return turns;
}

/* Where row `h` of a box begins. */
static inline td_place td_row_place(const td_move *box, int32_t h)
{
    const td_place start = {box->row, box->column, box->offset};
    return td_go_to_all(box->levels, box->row_levels, h - box->first, start);
}

#ifdef __cplusplus
}
#endif

#endif
