/* SPDX-License-Identifier: 0BSD */
/* Fully-connected layers, weights as they are: td_dense.h. Cores with the DSP extension run dense_single.S. */
#include "td_dense.h"

int32_t td_dense_single_multiply_one(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights,
                                     int32_t addend);
void td_dense_single_spread(const int8_t *x, const int8_t *end, int32_t *pairs);
void td_dense_single_multiply(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights,
                              const int32_t *constants, int8_t *y, int8_t *y_end, int32_t offset, int32_t shift);

/* 16 times the sum over groups of four weights, `step` bytes from one to the next, plus the addend. */
static inline int32_t add_groups(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights, int32_t step,
                                 int32_t addend)
{
    const int16_t *x = (const int16_t *)pairs; /* {q0, q1, p0, p1} */
    const int16_t *const end = (const int16_t *)pairs_end;
    uint32_t sum = 0;
    for (; x != end; x += 4, weights += step) {
        sum += (uint32_t)(weights[1] * x[0] + weights[3] * x[1]);
        sum += (uint32_t)(weights[0] * x[2] + weights[2] * x[3]);
    }
    return (int32_t)(16U * sum + (uint32_t)addend);
}

int32_t td_dense_single_multiply_one(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights,
                                     int32_t addend)
{
    return add_groups(pairs, pairs_end, weights, 4, addend);
}

#if !TD_DSP

void td_dense_single_spread(const int8_t *x, const int8_t *end, int32_t *pairs)
{
    int16_t *pair = (int16_t *)pairs;
    for (; x != end; x += 4, pair += 4) {
        const int16_t p0 = x[0], q0 = x[1], p1 = x[2], q1 = x[3]; /* read before they may be overwritten */
        pair[0] = q0;
        pair[1] = q1;
        pair[2] = p0;
        pair[3] = p1;
    }
}

void td_dense_single_multiply(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights,
                              const int32_t *constants, int8_t *y, int8_t *y_end, int32_t offset, int32_t shift)
{
    for (; y != y_end; y += 4, constants += 8, weights += 8 * (pairs_end - pairs))
        for (int32_t i = 0; i < 4; i++) {
            const int32_t scaled = add_groups(pairs, pairs_end, weights + 4 * i, 16, constants[i]);
            y[i] = td_dense_round(scaled, constants[4 + i], offset, shift);
        }
}

#endif

const td_dense_form td_dense_single = {td_dense_single_spread, td_dense_single_multiply, td_dense_single_multiply_one};
