/* SPDX-License-Identifier: 0BSD */
/* Copies of few bytes, for which a call of memcpy costs more than the copy. */
#ifndef TD_COPY_H
#define TD_COPY_H

#include <string.h>

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies `pieces` pieces of `size` bytes, `to_pitch` and `from_pitch` bytes from one to the next. */
static inline void td_copy_pieces(int8_t *to, int32_t to_pitch, const int8_t *from, int32_t from_pitch, int32_t size,
                                  int32_t pieces)
{
    for (; pieces > 0; pieces--, to += to_pitch, from += from_pitch) {
        if (size >= 64) {
            memcpy(to, from, (size_t)size);
            continue;
        }
        int32_t i = 0;
        for (; i + 4 <= size; i += 4) {
            uint32_t word;
            memcpy(&word, from + i, 4);
            memcpy(to + i, &word, 4);
        }
        for (; i < size; i++)
            to[i] = from[i];
    }
}

#ifdef __cplusplus
}
#endif

#endif
