/* SPDX-License-Identifier: 0BSD */
/* No watchdog: QEMU would not time it by instructions. */
#include "board_config.h"
#include "family.h"

#if BOARD_WATCHDOG_MS != 0
#error "family mps2 has no watchdog"
#endif

void family_start_watchdog(void)
{
}

void family_feed_watchdog(void)
{
}

int family_take_watchdog_reset(void)
{
    return 0;
}
