/* SPDX-License-Identifier: 0BSD */
/* How much of the stack and of the arenas has ever been used: they are filled with 0xA5 at boot. */
#ifndef HIGH_WATER_H
#define HIGH_WATER_H

#include <stdint.h>

#include "app_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills all arenas. (The stack is filled before it is first used, by the reset handler.) */
void fill_arenas(void);

/* Bytes of a region. */
uint32_t region_bytes(app_region region);

/* Bytes of all arenas. */
uint32_t arena_bytes(void);

/* From the top of the stack down to the lowest byte changed. */
uint32_t stack_high_water(void);

/* Sum over the arenas of the bytes from the start up to the highest one changed. */
uint32_t arena_high_water(void);

#ifdef __cplusplus
}
#endif

#endif
