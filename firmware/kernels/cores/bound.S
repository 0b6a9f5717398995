/* SPDX-License-Identifier: 0BSD */
/* Comparing bytes, four at a time, for the DSP extension: td_bound.h says what is computed.
 *
 * SSUB8 sets the GE flag of each byte whose difference, taken without overflow, is not negative; SEL chooses by them. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* \y = the larger or the smaller byte of \a and \b. Overwrites r12. */
    .macro  larger y, a, b
    ssub8   r12, \a, \b
    sel     \y, \a, \b
    .endm

    .macro  smaller y, a, b
    ssub8   r12, \a, \b
    sel     \y, \b, \a
    .endm

/* void td_larger(x1, x2, y, count), td_smaller(x1, x2, y, count): 8 bytes a turn, the rest one by one. */
    .macro  choose name
    .section .text.td_\name, "ax", %progbits
    .balign 4
    .global td_\name
    .type td_\name, %function
    .thumb_func
td_\name:
    push    {r4, r5, r6, lr}
    subs    r3, r3, #8
    blt     2f
1:
    ldr     r4, [r0], #4
    ldr     r5, [r1], #4
    ldr     r6, [r0], #4
    ldr     lr, [r1], #4
    \name   r4, r4, r5
    \name   r6, r6, lr
    subs    r3, r3, #8
    str     r4, [r2], #4
    str     r6, [r2], #4
    bge     1b
2:
    adds    r3, r3, #8
    beq     4f
3:
    ldrb    r4, [r0], #1
    ldrb    r5, [r1], #1
    \name   r4, r4, r5
    subs    r3, r3, #1
    strb    r4, [r2], #1
    bne     3b
4:
    pop     {r4, r5, r6, pc}
    .size td_\name, . - td_\name
    .endm

    choose  larger
    choose  smaller

/* void td_bound(y, count, low, high) */
    .section .text.td_bound, "ax", %progbits
    .balign 4
    .global td_bound
    .type td_bound, %function
    .thumb_func
td_bound:
    push    {r4, lr}
    uxtb    r2, r2
    uxtb    r3, r3
    orr     r2, r2, r2, lsl #8
    orr     r3, r3, r3, lsl #8
    orr     r2, r2, r2, lsl #16
    orr     r3, r3, r3, lsl #16
    subs    r1, r1, #4
    blt     2f
1:
    ldr     r4, [r0]
    subs    r1, r1, #4
    larger  r4, r4, r2
    smaller r4, r4, r3
    str     r4, [r0], #4
    bge     1b
2:
    adds    r1, r1, #4
    beq     4f
3:
    ldrb    r4, [r0]
    subs    r1, r1, #1
    larger  r4, r4, r2
    smaller r4, r4, r3
    strb    r4, [r0], #1
    bne     3b
4:
    pop     {r4, pc}
    .size td_bound, . - td_bound

#endif
