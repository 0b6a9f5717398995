/* SPDX-License-Identifier: 0BSD */
/* Insertion into a short sorted list. */
#include "npu_top.h"

uint32_t npu_top(const int8_t *scores, uint32_t count, uint32_t k, uint16_t *best)
{
    uint32_t found = 0u;
    for (uint32_t i = 0u; k != 0u && i < count; ++i) {
        if (found == k && scores[i] <= scores[best[found - 1u]]) {
            continue;
        }
        uint32_t at = found < k ? found++ : found - 1u;
        for (; at != 0u && scores[i] > scores[best[at - 1u]]; --at) {
            best[at] = best[at - 1u];
        }
        best[at] = (uint16_t)i;
    }
    return found;
}
