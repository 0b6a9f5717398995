/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution of any kernel on planes for the DSP extension: planar_any.c says what is computed. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* Products of the words r8, r9 and then r9, r10, with one pair of taps, or with its even half at stride 2. */
    .macro  products stride, a, b
    .if     \stride == 1
    ldrd    r11, r12, [r1], #8
    smlad   r4, \a, r11, r4
    smlad   r5, \a, r12, r5
    smlad   r6, \b, r11, r6
    smlad   r7, \b, r12, r7
    .else
    ldr     r11, [r1], #8
    smlad   r4, \a, r11, r4
    smlad   r5, \b, r11, r5
    .endif
    subs    lr, lr, #1
    .endm

    .macro  finish sum
    add     r11, r9, \sum, asr #31
    smmlar  \sum, \sum, r8, r11
    asr     \sum, \sum, r10
    ssat    \sum, #8, \sum
    .endm

/* void td_planar_any_stride<1, 2>(band, x, constants, y, count)
 * r0 group, r1 taps, r2 pitch, r3 row, r4 to r7 sums, lr pairs of taps left in the row.
 * Stack: 0 rows left, 4 pairs of taps in a row, 8 y, 12 pixel, 16 constants, 20 saved registers, 56 count. */
    .macro  function name, stride
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type   \name, %function
    .thumb_func
\name:
    push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
    sub     sp, sp, #20
    ldr     r4, [r0, #16]       /* pixel */
    strd    r3, r4, [sp, #8]
    str     r2, [sp, #16]
    ldrd    r8, r9, [r0, #40]   /* kernel_height, kernel_width */
    mov     r3, r1
    add     r1, r2, #16
    ldr     r2, [r0, #36]       /* pitch */
    lsr     r9, r9, #1
    add     r9, r9, #1
    strd    r8, r9, [sp]
    ldr     r4, [r1, #-4]       /* bias */
    mov     r5, r4
    .if     \stride == 1
    mov     r6, r4
    mov     r7, r4
    .endif
1:
    mov     r0, r3
    ldr     lr, [sp, #4]
2:
    ldrd    r8, r9, [r0]
    products \stride, r8, r9
    beq     3f
    add     r0, r0, r2
    ldr     r10, [r0]
    products \stride, r9, r10
    bne     2b
3:
    ldr     r8, [sp]
    add     r3, r3, #32
    subs    r8, r8, #1
    str     r8, [sp]
    bne     1b
    ldr     r2, [sp, #16]
    ldrd    r0, r1, [sp, #8]
    ldr     r3, [sp, #56]
    ldm     r2, {r8, r9, r10}
    finish  r4
    strb    r4, [r0]
    cmp     r3, #2
    blo     4f
    finish  r5
    strb    r5, [r0, r1]
    .if     \stride == 1
    beq     4f
    finish  r6
    strb    r6, [r0, r1, lsl #1]
    cmp     r3, #4
    bne     4f
    finish  r7
    add     r1, r1, r1, lsl #1
    strb    r7, [r0, r1]
    .endif
4:
    add     sp, sp, #20
    pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
    .size   \name, . - \name
    .endm

    function td_planar_any_stride1, 1
    function td_planar_any_stride2, 2

#endif
