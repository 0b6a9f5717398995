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

/* Works around errata, where the family has any; before anything else. */
void family_start_core(void);

/* Starts a watchdog that resets the chip BOARD_WATCHDOG_MS after it was last fed. */
void family_start_watchdog(void);
void family_feed_watchdog(void);

/* Whether the watchdog caused the last reset; forgets it. */
int family_take_watchdog_reset(void);

/* Sets the bits of `mask` in a clock enable register and waits for them to take effect. */
static inline void enable_clock(volatile uint32_t *enable, uint32_t mask)
{
    *enable |= mask;
    (void)*enable; /* the clock runs two bus cycles after the write: reading back takes longer */
}

#ifdef __cplusplus
}
#endif

#endif
