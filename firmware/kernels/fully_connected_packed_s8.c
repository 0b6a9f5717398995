/* SPDX-License-Identifier: 0BSD */
/* Fully-connected layer by the core loops of td_dense.h. */
#include <string.h>

#include "td_kernels.h"

/* Lays the vector that begins at byte `begin` of the input's rows into scratch as pairs, filled up with zeros. */
static void spread_vector(const td_fully_connected_packed *op, const td_tensor *in, int32_t begin, int32_t depth,
                          int32_t *pairs)
{
    const int32_t row_size = in->width * in->channels;
    int8_t *const bytes = (int8_t *)pairs + depth;
    int8_t *to = bytes;
    int32_t row = begin / row_size;
    int32_t start = begin % row_size;

    memset(bytes + depth - 4, 0, 4);
    for (int32_t left = op->depth; left > 0; row++, start = 0) {
        const int32_t n = row_size - start < left ? row_size - start : left;
        memcpy(to, td_row(in, row) + start, (size_t)n);
        to += n;
        left -= n;
    }
    op->form->spread(bytes, bytes + depth, pairs);
}

/* All units of one vector. */
static void make_vector(const td_fully_connected_packed *op, int32_t depth, const int32_t *pairs, int8_t *y)
{
    const int32_t *const pairs_end = pairs + depth / 2;
    const int32_t in_fours = op->units & ~3;
    const int8_t *weights = op->weights + in_fours * depth;
    const int32_t *constants = op->constants + 2 * in_fours;

    if (in_fours)
        op->form->multiply(pairs, pairs_end, op->weights, op->constants, y, y + in_fours, op->offset, op->shift);
    for (int32_t unit = in_fours; unit < op->units; unit++, weights += depth, constants += 2) {
        const int32_t scaled = op->form->multiply_one(pairs, pairs_end, weights, constants[0]);
        y[unit] = td_dense_round(scaled, constants[1], op->offset, op->shift);
    }
    if (op->bounds)
        for (int32_t unit = 0; unit < op->units; unit++)
            y[unit] = (int8_t)td_clamp(y[unit], op->bounds[2 * unit], op->bounds[2 * unit + 1]);
}

void td_fully_connected_packed_s8(const td_fully_connected_packed *op, const td_tensor *in, const td_tensor *out,
                                  int32_t first, int32_t last, void *scratch)
{
    const int32_t vectors_per_row = out->width * out->channels / op->units;
    const int32_t depth = (op->depth + 3) & ~3;

    for (int32_t h = first; h < last; h++) {
        int8_t *y = td_row(out, h);
        for (int32_t i = 0; i < vectors_per_row; i++, y += op->units) {
            spread_vector(op, in, (h * vectors_per_row + i) * op->depth, depth, scratch);
            make_vector(op, depth, scratch, y);
        }
    }
}
