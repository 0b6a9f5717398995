/* SPDX-License-Identifier: 0BSD */
/* Reports a fault over the console, whatever state it left the stack in. */
#include "fault.h"

#include <stdint.h>

#include "core.h"
#include "target.h"

extern uint32_t td_stack_limit[];

void fault_report(uint32_t pc, uint32_t lr, uint32_t sp);

/* Takes pc and lr from the exception frame where that lies within the stack, then begins the stack anew: after an
 * overflow there is none left to report from. */
__attribute__((naked, used)) void fault_entry(void)
{
    __asm volatile(
        "tst   lr, #4\n" /* EXC_RETURN bit 2: which stack holds the frame */
        "ite   eq\n"
        "mrseq r2, msp\n"
        "mrsne r2, psp\n"
        "movw  r3, #:lower16:td_stack_limit\n"
        "movt  r3, #:upper16:td_stack_limit\n"
        "movw  r12, #:lower16:td_stack_top\n"
        "movt  r12, #:upper16:td_stack_top\n"
        "movs  r0, #0\n"
        "movs  r1, #0\n"
        "cmp   r2, r3\n"
        "blo   1f\n"
        "sub   r3, r12, #32\n" /* a frame has eight words: r0-r3, r12, lr, pc, xPSR */
        "cmp   r2, r3\n"
        "bhi   1f\n"
        "ldr   r0, [r2, #24]\n"
        "ldr   r1, [r2, #20]\n"
        "1:\n"
        "msr   msp, r12\n"
        "b     fault_report\n");
}

static void put_text(const char *text)
{
    for (; *text != '\0'; ++text) {
        target_console_put((uint8_t)*text);
    }
}

/* Whether the stack ran into the guard below it, or the frame of the exception did. */
static int stack_overflowed(uint32_t sp)
{
    uint32_t status = SCB_CFSR;
    uint32_t limit = (uint32_t)td_stack_limit;
    if (sp < limit || (status & (SCB_CFSR_MSTKERR | SCB_CFSR_STKERR)) != 0u) {
        return 1;
    }
    uint32_t at = (status & SCB_CFSR_MMARVALID) != 0u ? SCB_MMFAR : SCB_BFAR;
    return (status & (SCB_CFSR_MMARVALID | SCB_CFSR_BFARVALID)) != 0u && limit - STACK_GUARD_BYTES <= at && at < limit;
}

static void put_register(const char *name, uint32_t value)
{
    put_text(name);
    for (uint32_t shift = 32u; shift != 0u;) {
        shift -= 4u;
        target_console_put((uint8_t)"0123456789abcdef"[(value >> shift) & 15u]);
    }
}

__attribute__((noreturn, used)) void fault_report(uint32_t pc, uint32_t lr, uint32_t sp)
{
    put_text(stack_overflowed(sp) ? "\r\nSTACK OVERFLOW" : "");
    put_register("\r\nFAULT pc ", pc);
    put_register(" lr ", lr);
    put_register(" sp ", sp);
    put_register(" cfsr ", SCB_CFSR);
    put_register(" hfsr ", SCB_HFSR);
    put_register(" bfar ", SCB_BFAR);
    put_register(" mmfar ", SCB_MMFAR);
    put_text("\r\n");
    for (;;) {
        fault_stop();
    }
}

__attribute__((noinline, noreturn)) void fault_stop(void)
{
    for (;;) {
        __asm volatile("nop");
    }
}
