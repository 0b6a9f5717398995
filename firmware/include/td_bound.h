/* SPDX-License-Identifier: 0BSD */
/* Core loops that compare bytes: bounds, the larger and the smaller of two. */
#ifndef TD_BOUND_H
#define TD_BOUND_H

#include "td_core.h"

#ifndef __ASSEMBLER__

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = max(x1, x2), y = min(x1, x2) for `count` >= 0 bytes. `y` may be x1 or x2; bytes lie anywhere. */
void td_larger(const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count);
void td_smaller(const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count);

/* y = min(max(y, low), high) for `count` >= 0 bytes; -128 <= low <= high <= 127. */
void td_bound(int8_t *y, int32_t count, int32_t low, int32_t high);

#ifdef __cplusplus
}
#endif

#endif

#endif
