/* SPDX-License-Identifier: 0BSD */
/* Fully-connected layers, two weights joined in one int16: td_dense.h. Cores with the DSP extension run dense_joint.S. */
#include "td_dense.h"

int32_t td_dense_joint_add_one(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights);
void td_dense_joint_spread(const int8_t *x, const int8_t *end, int32_t *pairs);
void td_dense_joint_add(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights, int32_t skip,
                        int32_t *sums, int32_t *sums_end);

/* The sum over groups of four weights, `step` bytes from one to the next. */
static inline int32_t add_groups(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights, int32_t step)
{
    const int16_t *x = (const int16_t *)pairs; /* {q0, q1, r0, r1}, r = 256 * p - q + 127 */
    const int16_t *const end = (const int16_t *)pairs_end;
    uint32_t sum = 0;
    for (; x != end; x += 4, weights += step) {
        const int32_t joint0 = weights[1] * 256 + (uint8_t)weights[0];
        const int32_t joint1 = weights[3] * 256 + (uint8_t)weights[2];
        sum += (uint32_t)(joint0 * x[0] + weights[0] * x[2]);
        sum += (uint32_t)(joint1 * x[1] + weights[2] * x[3]);
    }
    return (int32_t)sum;
}

int32_t td_dense_joint_add_one(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights)
{
    return add_groups(pairs, pairs_end, weights, 4);
}

#if !TD_DSP

void td_dense_joint_spread(const int8_t *x, const int8_t *end, int32_t *pairs)
{
    int16_t *pair = (int16_t *)pairs;
    for (; x != end; x += 4, pair += 4) {
        const int32_t p0 = x[0], q0 = x[1], p1 = x[2], q1 = x[3]; /* read before they may be overwritten */
        pair[0] = (int16_t)q0;
        pair[1] = (int16_t)q1;
        pair[2] = (int16_t)(256 * p0 - q0 + 127);
        pair[3] = (int16_t)(256 * p1 - q1 + 127);
    }
}

void td_dense_joint_add(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights, int32_t skip,
                        int32_t *sums, int32_t *sums_end)
{
    for (; sums != sums_end; sums += 4, weights += 8 * (pairs_end - pairs) + skip)
        for (int32_t i = 0; i < 4; i++)
            sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)add_groups(pairs, pairs_end, weights + 4 * i, 16));
}

#endif

const td_dense_form td_dense_joint = {td_dense_joint_spread, td_dense_joint_add, td_dense_joint_add_one, 1};
