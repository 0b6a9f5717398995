/* SPDX-License-Identifier: 0BSD */
/* The core's own cycle counter, in its debug unit DWT. */
#ifndef CYCLE_COUNTER_H
#define CYCLE_COUNTER_H

#include "core.h"

/* `locked`: the Cortex-M7 wants its lock opened first. */
static inline void start_cycle_counter(int locked)
{
    DEBUG_DEMCR |= DEBUG_DEMCR_TRCENA;
    if (locked != 0) {
        DWT_LAR = DWT_LAR_UNLOCK;
    }
    DWT_CYCCNT = 0u;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

/* Cycles since start_cycle_counter, modulo 2^32. */
static inline uint32_t read_cycle_counter(void)
{
    return DWT_CYCCNT;
}

#endif
