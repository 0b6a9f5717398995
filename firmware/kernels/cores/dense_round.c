/* SPDX-License-Identifier: 0BSD */
/* Outputs of fully-connected layers from sums: td_dense.h. Cores with the DSP extension run dense_round.S. */
#include "td_dense.h"

#if !TD_DSP

void td_dense_round(const int32_t *sums, const int32_t *constants, int8_t *y, int8_t *y_end, int32_t factor,
                    int32_t offset, int32_t shift)
{
    for (; y != y_end; y++, sums++, constants += 2)
        *y = td_dense_round_one(*sums, constants, factor, offset, shift);
}

#endif
