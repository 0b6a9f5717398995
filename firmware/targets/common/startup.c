/* SPDX-License-Identifier: 0BSD */
/* From reset to main: stack, FPU, vector table, hot code, static variables. */
#include <stdint.h>

#include "board_config.h"
#include "core.h"
#include "fault.h"
#include "registers.h"

typedef void (*handler)(void);

/* Symbols of the linker script. */
extern uint32_t td_stack_top[];
extern uint64_t td_hot_start[], td_hot_end[];
extern const uint64_t td_hot_load[];
extern uint32_t td_data_start[], td_data_end[];
extern const uint32_t td_data_load[];
extern uint32_t td_bss_start[], td_bss_end[];

int main(void);
void board_interrupt(void); /* where there is one */
void Reset_Handler(void);
void start_program(void);

typedef union {
    const void *stack;
    handler call;
} vector;

/* All that is not the stack pointer or the reset is a fault: the firmware enables no interrupt, but one where the board
 * has an accelerator. VTOR needs the table aligned to its size rounded up to a power of two. */
__attribute__((section(".vectors"), used, aligned(FAMILY_VECTOR_ALIGNMENT)))
const vector td_vectors[16 + FAMILY_INTERRUPTS] = {
    [0] = {.stack = td_stack_top},
    [1] = {.call = Reset_Handler},
#ifdef BOARD_INTERRUPT
    [2 ... 15 + BOARD_INTERRUPT] = {.call = fault_entry},
    [16 + BOARD_INTERRUPT] = {.call = board_interrupt},
    [17 + BOARD_INTERRUPT ... 15 + FAMILY_INTERRUPTS] = {.call = fault_entry},
#else
    [2 ... 15 + FAMILY_INTERRUPTS] = {.call = fault_entry},
#endif
};

/* In assembly as a whole: no compiler may use the stack before it is set, or FPU registers before the FPU is on.
 * Fills the stack with 0xA5 for the high-water mark. */
__attribute__((naked, noreturn, used)) void Reset_Handler(void)
{
    __asm volatile(
        "movw r0, #:lower16:td_stack_top\n"
        "movt r0, #:upper16:td_stack_top\n"
        "msr  msp, r0\n" /* a boot loader may have left another */
        "movw r1, #0xED88\n" /* CPACR: full access to coprocessors 10 and 11, the FPU */
        "movt r1, #0xE000\n"
        "ldr  r2, [r1]\n"
        "orr  r2, r2, #0x00F00000\n"
        "str  r2, [r1]\n"
        "dsb\n"
        "isb\n"
        "movw r1, #:lower16:td_stack_limit\n"
        "movt r1, #:upper16:td_stack_limit\n"
        "movw r2, #0xA5A5\n"
        "movt r2, #0xA5A5\n"
        "1:\n"
        "str  r2, [r1], #4\n"
        "cmp  r1, r0\n"
        "bne  1b\n"
        "b    start_program\n");
}

/* Whole words of 8 bytes: error correction would first read a word that is written in part. */
static void copy_hot_code(void)
{
    const uint64_t *from = td_hot_load;
    for (uint64_t *to = td_hot_start; to < td_hot_end; ++to) {
        *to = *from++;
        __asm volatile(""); /* else the compiler may call memcpy, which is hot code */
    }
    core_data_barrier();
    core_instruction_barrier();
}

__attribute__((noreturn, used)) void start_program(void)
{
    SCB_VTOR = (uint32_t)td_vectors;
    core_data_barrier();
    copy_hot_code();
    const uint32_t *from = td_data_load;
    for (uint32_t *to = td_data_start; to < td_data_end; ++to) {
        *to = *from++;
    }
    for (uint32_t *to = td_bss_start; to < td_bss_end; ++to) {
        *to = 0u;
    }
    (void)main();
    for (;;) {
    }
}
