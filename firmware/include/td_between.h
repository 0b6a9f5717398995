/* SPDX-License-Identifier: 0BSD */
/* Which pixels lie round a place. */
#ifndef TD_BETWEEN_H
#define TD_BETWEEN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t low; /* pixels of the input before and behind a place */
    int32_t high;
    int32_t fraction; /* of the way from low to high, in 1/1024 */
} td_between;

static inline td_between td_find_between(int32_t place, int32_t size)
{
    const int32_t low = place > 0 ? place >> 10 : 0;
    const int32_t next = place > -1023 ? (place + 1023) >> 10 : 0;
    const td_between found = {low, next < size ? next : size - 1, place - 1024 * low};
    return found;
}

#ifdef __cplusplus
}
#endif

#endif
