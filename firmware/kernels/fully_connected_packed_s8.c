/* SPDX-License-Identifier: 0BSD */
/* Fully-connected layer by the core loops of td_dense.h. */
#include <string.h>

#include "td_kernels.h"

/* Lays `count` elements, 4 | count, from byte `begin` of the input's rows on into `pairs`; those beyond the first `size`
 * are zeros. */
static void spread_piece(const td_fully_connected_packed *op, const td_tensor *in, int32_t begin, int32_t size,
                         int32_t count, int32_t *pairs)
{
    const int32_t row_size = in->width * in->channels;
    int8_t *const bytes = (int8_t *)pairs + count;
    int8_t *to = bytes;
    int32_t row = begin / row_size;
    int32_t start = begin % row_size;

    memset(bytes + count - 4, 0, 4);
    for (int32_t left = size < count ? size : count; left > 0; row++, start = 0) {
        const int32_t n = row_size - start < left ? row_size - start : left;
        memcpy(to, td_row(in, row) + start, (size_t)n);
        to += n;
        left -= n;
    }
    op->form->spread(bytes, bytes + count, pairs);
}

/* Adds the products of elements [from, from + count) to the sums of `units` units. */
static void add_products(const td_fully_connected_packed *op, int32_t depth, int32_t from, int32_t count,
                         const int32_t *pairs, int32_t unit, int32_t units, int32_t *sums)
{
    const int32_t *const pairs_end = pairs + count / 2;
    const int32_t in_fours = units & ~3;
    const int8_t *weights = op->weights + unit * depth;

    if (in_fours)
        op->form->add(pairs, pairs_end, weights + 4 * from, 4 * (depth - count), sums, sums + in_fours);
    weights += in_fours * depth + from;
    for (int32_t i = in_fours; i < units; i++, weights += depth)
        sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)op->form->add_one(pairs, pairs_end, weights));
}

/* The outputs of `units` units. */
static void round_sums(const td_fully_connected_packed *op, const int32_t *sums, int32_t unit, int32_t units, int8_t *y)
{
    const int32_t *const constants = op->constants + 2 * unit;
    const int32_t odd = units & 1;
    const int32_t last = units - 1;

    if (last)
        td_dense_round(sums, constants, y, y + units - odd, op->form->factor, op->offset, op->shift);
    if (odd)
        y[last] = td_dense_round_one(sums[last], constants + 2 * last, op->form->factor, op->offset, op->shift);
    if (op->bounds)
        for (int32_t i = 0; i < units; i++) {
            const int8_t *const bounds = op->bounds + 2 * (unit + i);
            y[i] = (int8_t)td_clamp(y[i], bounds[0], bounds[1]);
        }
}

/* All units of the vector that begins at byte `begin`. */
static void make_vector(const td_fully_connected_packed *op, const td_tensor *in, int32_t begin, int32_t *scratch,
                        int8_t *y)
{
    const int32_t depth = (op->depth + 3) & ~3;
    int32_t *const pairs = scratch + (op->units < op->block ? op->units : op->block);

    for (int32_t unit = 0; unit < op->units; unit += op->block) {
        const int32_t units = op->units - unit < op->block ? op->units - unit : op->block;
        memset(scratch, 0, (size_t)units * sizeof(int32_t));
        for (int32_t from = 0; from < depth; from += op->piece) {
            const int32_t count = depth - from < op->piece ? depth - from : op->piece;
            if (unit == 0 || op->piece < depth)
                spread_piece(op, in, begin + from, op->depth - from, count, pairs);
            add_products(op, depth, from, count, pairs, unit, units, scratch);
        }
        round_sums(op, scratch, unit, units, y + unit);
    }
}

void td_fully_connected_packed_s8(const td_fully_connected_packed *op, const td_tensor *in, const td_tensor *out,
                                  int32_t first, int32_t last, void *scratch)
{
    const int32_t vectors_per_row = out->width * out->channels / op->units;

    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < vectors_per_row; i++, y += op->units)
            make_vector(op, in, (h * vectors_per_row + i) * op->depth, scratch, y);
    }
}
