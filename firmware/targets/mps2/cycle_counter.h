/* SPDX-License-Identifier: 0BSD */
/* Timer 0 as cycle counter: it counts the core's clock down, and QEMU has no DWT. */
#ifndef CYCLE_COUNTER_H
#define CYCLE_COUNTER_H

#include "registers.h"

static inline void start_cycle_counter(int locked)
{
    (void)locked;
    TIMER0_CTRL = 0u;
    TIMER0_RELOAD = 0xFFFFFFFFu; /* sets the value, too */
    TIMER0_CTRL = TIMER_CTRL_EN;
}

/* Cycles since start_cycle_counter, modulo 2^32. */
static inline uint32_t read_cycle_counter(void)
{
    return 0xFFFFFFFFu - TIMER0_VALUE;
}

#endif
