/* SPDX-License-Identifier: 0BSD */
/* ADD and SUB for the DSP extension: td_linear_sum.h says what is computed. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* Two elements from the halves \half of \a1 and \a2, \b1 and \b2, to [r3 + \at] and the next byte. SMLAW multiplies 32
 * bits by 16, a byte in the upper half of these: the quotient by 2^16 is floor(factor * x / 2^8). */
    .macro  two half, a1, a2, b1, b2, at, shift
    smlaw\half r12, r4, \a1, r6
    smlaw\half r0, r4, \b1, r6
    smlaw\half r12, r5, \a2, r12
    smlaw\half r0, r5, \b2, r0
    ssat    r12, #8, r12, asr #\shift
    ssat    r0, #8, r0, asr #\shift
    strb    r12, [r3, #\at]
    strb    r0, [r3, #(\at + 1)]
    .endm

/* Four elements to [r3 + \at]: bytes 0 and 2 of a word go up by a byte, 1 and 3 are there already. */
    .macro  four at, shift
    ldr     r8, [r1], #4
    ldr     r9, [r2], #4
    and     r10, r7, r8, lsl #8
    and     r8, r8, r7
    and     r11, r7, r9, lsl #8
    and     r9, r9, r7
    two     b, r10, r11, r8, r9, \at, \shift
    two     t, r10, r11, r8, r9, (\at + 2), \shift
    .endm

/* void td_linear_sum_<shift>(sum, x1, x2, y, count)
 * r4 factor1, r5 factor2, r6 addend, r7 mask of the odd bytes, lr end of x1. */
    .macro  linear_sum shift
    .section .text.td_linear_sum_\shift, "ax", %progbits
    .balign 4
    .global td_linear_sum_\shift
    .type td_linear_sum_\shift, %function
    .thumb_func
td_linear_sum_\shift:
    push    {r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}
    ldr     lr, [sp, #40]
    ldm     r0, {r4, r5, r6}
    mov     r7, #0xff00ff00
    add     lr, lr, r1
1:
    four    0, \shift
    four    4, \shift
    add     r3, r3, #8
    cmp     r1, lr
    bne     1b
    pop     {r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}
    .size td_linear_sum_\shift, . - td_linear_sum_\shift
    .endm

    linear_sum 18
    linear_sum 20
    linear_sum 22

#endif
