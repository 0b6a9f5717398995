/* SPDX-License-Identifier: 0BSD */
/* MUL for the DSP extension: td_product.h says what is computed. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* [r3 + \at] = the output for the product in \p. */
    .macro  finish p, at
    add     r12, r6, \p, asr #31
    smmlar  \p, \p, r5, r12
    asr     \p, \p, r7
    ssat    \p, #8, \p
    strb    \p, [r3, #\at]
    .endm

/* Elements \at and \at + 2 from twice the first factors in \a and the second in \b. */
    .macro  two a, b, at
    sadd16  \a, \a, \a
    smulbb  r0, \a, \b
    smultt  \a, \a, \b
    finish  r0, \at
    finish  \a, (\at + 2)
    .endm

/* void td_multiply_fours(product, x1, x2, y, count)
 * r4 and r11 the offsets in both halves, r5 multiplier, r6 addend, r7 shift, lr end of x1. */
    .section .text.td_multiply_fours, "ax", %progbits
    .balign 4
    .global td_multiply_fours
    .type td_multiply_fours, %function
    .thumb_func
td_multiply_fours:
    push    {r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}
    ldr     lr, [sp, #40]
    ldrd    r4, r11, [r0]
    ldrd    r5, r6, [r0, #8]
    ldr     r7, [r0, #16]
    pkhbt   r4, r4, r4, lsl #16
    pkhbt   r11, r11, r11, lsl #16
    add     lr, lr, r1
1:
    ldr     r8, [r1], #4
    ldr     r9, [r2], #4
    sxtab16 r10, r4, r8
    sxtab16 r12, r11, r9
    two     r10, r12, 0
    sxtab16 r8, r4, r8, ror #8
    sxtab16 r9, r11, r9, ror #8
    two     r8, r9, 1
    add     r3, r3, #4
    cmp     r1, lr
    bne     1b
    pop     {r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}
    .size td_multiply_fours, . - td_multiply_fours

#endif
