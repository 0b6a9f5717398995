/* SPDX-License-Identifier: 0BSD */
/* Means and extremes over some dimensions. */
#include "td_move.h"

/* Takes `count` elements, `step` bytes apart, into a sum or an extreme. */
static int32_t take_run(td_reduction kind, int32_t value, const int8_t *x, int32_t step, int32_t count)
{
    for (int32_t i = 0; i < count; i++, x += step) {
        if (kind == TD_SUM)
            value += *x;
        else if (kind == TD_LARGEST)
            value = *x > value ? *x : value;
        else
            value = *x < value ? *x : value;
    }
    return value;
}

/* The element of the output whose inputs begin at `p`. */
static int8_t reduce(const td_reduce *op, const td_tensor *in, int32_t outer, td_place p)
{
    const td_move_level *inner = op->levels + op->outer_levels;
    int32_t value = op->kind == TD_SUM ? op->bias : op->kind == TD_LARGEST ? INT8_MIN : INT8_MAX;
    for (int32_t i = 0; i < outer; i++) {
        const td_place q = td_go_to_all(op->levels, op->outer_levels, i, p);
        if (inner->row_step == 0)
            value = take_run(op->kind, value, td_row(in, q.row) + q.column, inner->step, inner->count);
        else
            for (int32_t j = 0; j < inner->count; j++)
                value = take_run(op->kind, value, td_row(in, q.row + j * inner->row_step) + q.column, 0, 1);
    }
    if (op->kind != TD_SUM)
        return (int8_t)value;
    value = td_requantize(value, op->multiplier, op->shift);
    return (int8_t)td_clamp(td_add_wrapping(value, op->output_offset), INT8_MIN, INT8_MAX);
}

void td_reduce_s8(const td_reduce *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const td_move *box = &op->box;
    const td_move_level *levels = box->levels + box->row_levels;
    const int32_t count = box->outer_levels + 2;
    const int32_t elements = td_count_turns(levels, count);
    const int32_t outer = td_count_turns(op->levels, op->outer_levels);

    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        const td_place p = td_row_place(box, h);
        for (int32_t i = 0; i < elements; i++) {
            const td_place q = td_go_to_all(levels, count, i, p);
            y[q.offset] = reduce(op, in, outer, q);
        }
    }
}
