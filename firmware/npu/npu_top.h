/* SPDX-License-Identifier: 0BSD */
/* The best classes of a classifier. */
#ifndef NPU_TOP_H
#define NPU_TOP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the indices of the `k` highest of `count` scores to `best`, the highest first; of equal ones the lower index
 * first. Returns how many there are, at most `count`. k * count steps. */
uint32_t npu_top(const int8_t *scores, uint32_t count, uint32_t k, uint16_t *best);

#ifdef __cplusplus
}
#endif

#endif
