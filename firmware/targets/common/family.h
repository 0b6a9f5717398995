/* SPDX-License-Identifier: 0BSD */
/* What each family's folder defines for the common code. */
#ifndef FAMILY_H
#define FAMILY_H

#include "target.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Brings the core to the board's clock; falls back to the internal oscillator. Every wait is bounded. */
target_clocks family_start_clocks(void);

/* Works around errata and switches on caches, where the family has any; before family_start_clocks. */
void family_start_core(void);

/* Sets the bits of `mask` in a clock enable register and waits for them to take effect. */
static inline void enable_clock(volatile uint32_t *enable, uint32_t mask)
{
    *enable |= mask;
    (void)*enable; /* the clock runs two bus cycles after the write: reading back takes longer */
}

/* Waits until (value of the register & mask) == expected.
 * Returns 0 where that has not happened after `attempts` reads. */
static inline int wait_for(const volatile uint32_t *address, uint32_t mask, uint32_t expected, uint32_t attempts)
{
    for (; attempts != 0u; --attempts) {
        if ((*address & mask) == expected) {
            return 1;
        }
    }
    return 0;
}

#ifdef __cplusplus
}
#endif

#endif
