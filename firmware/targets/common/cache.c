/* SPDX-License-Identifier: 0BSD */
/* Cortex-M7: caches on, and no speculative access where nothing answers.
 *
 * Data is cached write-back, as the default memory map has it: write-through is what the errata 1259864 and 1313001
 * of the core are about. */
#include "cache.h"

#include <stdint.h>

#include "board_config.h"
#include "core.h"

static void start_instruction_cache(void)
{
    core_data_barrier();
    core_instruction_barrier();
    SCB_ICIALLU = 0u;
    core_data_barrier();
    core_instruction_barrier();
    SCB_CCR |= SCB_CCR_IC;
    core_data_barrier();
    core_instruction_barrier();
}

/* Invalidates every line before the cache is switched on: after power-on the lines hold chance. */
static void start_data_cache(void)
{
    SCB_CSSELR = 0u; /* level 1, data */
    core_data_barrier();
    uint32_t size = SCB_CCSIDR;
    uint32_t last_set = (size >> 13) & 0x7FFFu;
    uint32_t last_way = (size >> 3) & 0x3FFu;
    for (uint32_t set = 0u; set <= last_set; ++set) {
        for (uint32_t way = 0u; way <= last_way; ++way) {
            SCB_DCISW = (set << 5) | (way << 30); /* lines of 32 bytes, up to 4 ways */
        }
    }
    core_data_barrier();
    SCB_CCR |= SCB_CCR_DC;
    core_data_barrier();
    core_instruction_barrier();
}

/* Normal memory, cached write-back; data only. */
__attribute__((unused)) static void open_memory(uint32_t region, uint32_t address, uint32_t log2_bytes)
{
    MPU_RNR = region;
    MPU_RBAR = address;
    MPU_RASR = MPU_RASR_EXECUTE_NEVER | MPU_RASR_FULL_ACCESS | MPU_RASR_WRITE_BACK | MPU_RASR_SIZE(log2_bytes) |
               MPU_RASR_ENABLE;
}

/* The default memory map calls external memory and the system ROM normal memory, which the core may read ahead of
 * time. Without a controller behind it such a read can stall the bus for good. */
static void forbid_speculation(void)
{
    MPU_CTRL = 0u;
    MPU_RNR = 0u; /* 0x60000000 to 0xDFFFFFFF: no access; subregions of 512 MB, the others keep the default map */
    MPU_RBAR = 0x00000000u;
    MPU_RASR = MPU_RASR_EXECUTE_NEVER | MPU_RASR_SUBREGIONS_OFF(0x87u) | MPU_RASR_SIZE(32u) | MPU_RASR_ENABLE;
    MPU_RNR = 1u; /* system ROM of STM32F7 and H7, 512 KB: strongly ordered, so read only where the program says so */
    MPU_RBAR = 0x1FF00000u;
    MPU_RASR = MPU_RASR_EXECUTE_NEVER | MPU_RASR_FULL_ACCESS | MPU_RASR_SIZE(19u) | MPU_RASR_ENABLE;
    uint32_t region = 2u;
#define OPEN(address, log2_bytes) open_memory(region++, (address), (log2_bytes));
    BOARD_EXTERNAL_MEMORIES(OPEN)
#undef OPEN
    (void)region;
    MPU_CTRL = MPU_CTRL_PRIVDEFENA | MPU_CTRL_ENABLE;
    core_data_barrier();
    core_instruction_barrier();
}

void cache_start(void)
{
    forbid_speculation();
    start_instruction_cache();
    start_data_cache();
}
