/* SPDX-License-Identifier: 0BSD */
/* Brings up the chip in the one right order: core, memories, clocks, cycle counter, console. */
#include "board_config.h"
#include "cache.h"
#include "core.h"
#include "cycle_counter.h"
#include "family.h"
#include "target.h"
#include "uart.h"

#define GUARD_REGION 7u /* of the MPU; the highest number wins where regions overlap */
#define GUARD_LOG2_BYTES 12u

static target_clocks clocks;

/* Makes the 4 KB below the stack inaccessible: an overflow faults at once instead of corrupting. */
static void guard_stack(void)
{
    MPU_RNR = GUARD_REGION;
    MPU_RBAR = BOARD_DATA_ADDRESS - (1u << GUARD_LOG2_BYTES);
    MPU_RASR = MPU_RASR_EXECUTE_NEVER | MPU_RASR_SIZE(GUARD_LOG2_BYTES) | MPU_RASR_ENABLE;
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
