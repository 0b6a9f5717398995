/* SPDX-License-Identifier: 0BSD */
/* Brings up the chip in the one right order: core, memories, clocks, cycle counter, console. */
#include "board_config.h"
#include "cache.h"
#include "core.h"
#include "cycle_counter.h"
#include "family.h"
#include "fault.h"
#include "target.h"
#include "uart.h"

#define GUARD_REGION 7u /* of the MPU; the highest number wins where regions overlap */

static target_clocks clocks;
static int reset_by_watchdog;

/* Makes the 4 KB below the stack inaccessible: an overflow faults at once instead of corrupting. */
static void guard_stack(void)
{
    MPU_RNR = GUARD_REGION;
    MPU_RBAR = BOARD_DATA_ADDRESS - (1u << STACK_GUARD_LOG2_BYTES);
    MPU_RASR = MPU_RASR_EXECUTE_NEVER | MPU_RASR_SIZE(STACK_GUARD_LOG2_BYTES) | MPU_RASR_ENABLE;
    MPU_CTRL = MPU_CTRL_PRIVDEFENA | MPU_CTRL_ENABLE;
    core_data_barrier();
    core_instruction_barrier();
}

static void enable_memories(void)
{
#define ENABLE_MEMORY(register_address, mask) enable_clock((volatile uint32_t *)(register_address), (mask));
    BOARD_MEMORY_CLOCKS(ENABLE_MEMORY)
#undef ENABLE_MEMORY
}

/* Wakes the core in time to feed the watchdog. */
static void start_tick(void)
{
    uint32_t cycles = clocks.core / 4000u * BOARD_WATCHDOG_MS; /* a quarter of the time; below 2^32 up to 32 s */
    SYST_RVR = cycles < SYST_RVR_MAX ? cycles : SYST_RVR_MAX;
    SYST_CVR = 0u;
    SYST_CSR = SYST_CSR_ENABLE | SYST_CSR_TICKINT | SYST_CSR_CLKSOURCE;
}

void target_init(void)
{
    family_start_core();
    if (BOARD_CORTEX_M7 != 0) {
        cache_start();
    }
    guard_stack();
    enable_memories();
    clocks = family_start_clocks();
    start_cycle_counter(BOARD_CORTEX_M7);
    uart_init(clocks.console);
    reset_by_watchdog = family_take_watchdog_reset();
    if (BOARD_WATCHDOG_MS != 0) {
        start_tick();
        family_start_watchdog();
    }
}

uint32_t target_core_hz(void)
{
    return clocks.core;
}

uint32_t target_cycles(void)
{
    return read_cycle_counter();
}

void target_console_put(uint8_t byte)
{
    uart_put(byte);
}

int target_console_get(void)
{
    return uart_get();
}

int target_was_reset_by_watchdog(void)
{
    return reset_by_watchdog;
}

void target_feed_watchdog(void)
{
    if (BOARD_WATCHDOG_MS != 0) {
        family_feed_watchdog();
    }
}

void target_wait(void)
{
    SCB_ICSR = SCB_ICSR_PENDSTCLR; /* a tick that came before has done its work */
    uart_wait();
}
