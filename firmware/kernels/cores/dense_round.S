/* SPDX-License-Identifier: 0BSD */
/* Outputs of fully-connected layers from sums, for the DSP extension: td_dense.h says what is computed. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* void td_dense_round(sums, constants, y, y_end, factor, offset, shift)
 * r0 to r3 the first four, r12 factor, r11 offset, r10 shift. */
    .section .text.td_dense_round, "ax", %progbits
    .balign 4
    .global td_dense_round
    .type td_dense_round, %function
    .thumb_func
td_dense_round:
    push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
    ldr     r12, [sp, #36]
    ldrd    r11, r10, [sp, #40]
1:
    ldrd    r4, r5, [r0], #8
    ldm     r1!, {r6, r7, r8, r9}
    mla     r4, r4, r12, r6
    mla     r5, r5, r12, r8
    smmla   r4, r4, r7, r11
    smmla   r5, r5, r9, r11
    asr     r4, r4, r10
    asr     r5, r5, r10
    ssat    r4, #8, r4
    ssat    r5, #8, r5
    strb    r4, [r2], #1
    strb    r5, [r2], #1
    cmp     r2, r3
    bne     1b
    pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
    .size td_dense_round, . - td_dense_round

#endif
