/* SPDX-License-Identifier: 0BSD */
/* Sums of pixels for the DSP extension: td_sums.h says what is computed. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* Adds four sums of int16, channels 0 and 2 in \even, 1 and 3 in \odd, to the words at r3. */
    .macro  flush even, odd
    ldm     r3, {r8, r9, r10, r11}
    sxtah   r8, r8, \even
    sxtah   r9, r9, \odd
    add     r10, r10, \even, asr #16
    add     r11, r11, \odd, asr #16
    stm     r3!, {r8, r9, r10, r11}
    .endm

/* void td_sum_octets(x, pixels, pitch, sums, channels): 8 channels at a time, in int16.
 * r12 is the pixel, lr the end of the first one. */
    .section .text.td_sum_octets, "ax", %progbits
    .balign 4
    .global td_sum_octets
    .type td_sum_octets, %function
    .thumb_func
td_sum_octets:
    push    {r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}
    ldr     lr, [sp, #40]
    add     lr, lr, r0
1:
    mov     r12, r0
    mov     r10, r1
    movs    r4, #0
    movs    r5, #0
    movs    r6, #0
    movs    r7, #0
2:
    ldr     r8, [r12]
    ldr     r9, [r12, #4]
    add     r12, r12, r2
    sxtab16 r4, r4, r8
    sxtab16 r5, r5, r8, ror #8
    sxtab16 r6, r6, r9
    sxtab16 r7, r7, r9, ror #8
    subs    r10, r10, #1
    bne     2b
    flush   r4, r5
    flush   r6, r7
    add     r0, r0, #8
    cmp     r0, lr
    bne     1b
    pop     {r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}
    .size td_sum_octets, . - td_sum_octets

#endif
