/* SPDX-License-Identifier: 0BSD */
/* MPS2: core and buses run at 25 MHz from reset on, there is nothing to set up. */
#include "board_config.h"
#include "family.h"

#if BOARD_CLOCK_HZ != 25000000
#error "family mps2 runs at 25 MHz: say clock_hz = 25_000_000 in the chip file"
#endif

void family_start_core(void)
{
}

target_clocks family_start_clocks(void)
{
    return (target_clocks){.core = BOARD_CLOCK_HZ, .console = BOARD_CLOCK_HZ};
}
