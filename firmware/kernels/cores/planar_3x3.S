/* SPDX-License-Identifier: 0BSD */
/* Depthwise 3x3 on planes for the DSP extension: td_planar.h says what is computed. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* Three weights in a word, to \first = (w0, w1) and \second = (w1, w2), twice. */
    .macro  pair first, second, temporary
    sxtb16  \temporary, \first
    sxtb16  \second, \first, ror #8
    sadd16  \temporary, \temporary, \temporary
    sadd16  \second, \second, \second
    pkhbt   \first, \temporary, \second, lsl #16
    pkhbt   \second, \second, \temporary
    .endm

/* void td_planar_3x3_prepare(band, weights, channels, count, output_offset)
 * r0 2 * (output_offset + 127) + 1, r1 weights, r2 channels, r3 count, r11 upper bound, lr step to the next one,
 * r12 constants. */
    .section .text.td_planar_3x3_prepare, "ax", %progbits
    .balign 4
    .global td_planar_3x3_prepare
    .type td_planar_3x3_prepare, %function
    .thumb_func
td_planar_3x3_prepare:
    push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
    ldr     r12, [r0, #28]
    ldrd    r11, lr, [r0, #56]
    ldr     r0, [sp, #36]
    lsl     r0, r0, #1
    add     r0, r0, #255
1:
    ldr     r7, [r2]             /* bias, multiplier, right or below 0 */
    ldr     r8, [r2, #4]
    ldrsb   r6, [r2, #8]
    ldrsb   r4, [r11]
    add     r2, r2, #10
    add     r11, r11, lr
    bic     r6, r6, r6, asr #31
    sub     r4, r0, r4, lsl #1   /* (2 * (output_offset + 127 - high) + 1) << (right - 1); 0 if right is 0 */
    sub     r5, r6, #1
    lsl     r4, r4, r5
    str     r8, [r12], #4
    stm     r12!, {r4, r6, r7}
    ldr     r4, [r1]
    ldr     r6, [r1, #3]
    ldr     r8, [r1, #6]
    add     r1, r1, #9
    pair    r4, r5, r10
    pair    r6, r7, r10
    pair    r8, r9, r10
    subs    r3, r3, #1
    stm     r12!, {r4, r5, r6, r7, r8, r9}
    bne     1b
    pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
    .size td_planar_3x3_prepare, . - td_planar_3x3_prepare

/* In all that follows: pitch is 1 << pitch_log, that of the planes; r0 words, r1 output, r2 pixel, r3 constants + 12,
 * lr the words at which groups of four outputs end, r4 to r7 sums of outputs 0 to 3, r8 to r10 words, r11 and r12
 * weights. */

/* Sums to outputs 0 to \count - 1. */
    .macro  finish sum
    .if     rectified
    smmlar  \sum, \sum, r8, r9
    .else
    add     r11, r9, \sum, asr #31
    smmlar  \sum, \sum, r8, r11
    .endif
    asr     \sum, \sum, r10
    ssat    \sum, #8, \sum
    .endm

    .macro  finish_all count
    ldmdb   r3, {r8, r9, r10}
    finish  r4
    strb    r4, [r1]
    .if     \count >= 2
    finish  r5
    strb    r5, [r1, r2]
    .endif
    .if     \count == 3
    finish  r6
    strb    r6, [r1, r2, lsl #1]
    .endif
    .if     \count == 4
    finish  r6
    add     r1, r1, r2, lsl #1
    strb    r6, [r1]
    finish  r7
    strb    r7, [r1, r2]
    add     r1, r1, r2, lsl #1
    .endif
    .endm

/* One row's products at stride 1; \first: of the first row, which starts from the bias in r7. \next is where the group
 * lies from r0 on. */
    .macro  products1 row, count, first
    .if     \first
    ldm     r3, {r7, r11, r12}
    .if     \count >= 3
    ldr     r10, [r0, #pitch]
    .endif
    ldrd    r8, r9, [r0], #pitch
    smlad   r4, r8, r11, r7
    .if     \count >= 2
    smlatb  r5, r8, r11, r7
    .endif
    .if     \count >= 3
    smlad   r6, r9, r11, r7
    .endif
    .if     \count >= 4
    smlatb  r7, r9, r11, r7
    .endif
    .else
    ldrd    r11, r12, [r3, #4 + 8 * \row]
    ldrd    r8, r9, [r0, #32 * \row - pitch]
    .if     \count >= 3
    ldr     r10, [r0, #32 * \row]
    .endif
    smlad   r4, r8, r11, r4
    .if     \count >= 2
    smlatb  r5, r8, r11, r5
    .endif
    .if     \count >= 3
    smlad   r6, r9, r11, r6
    .endif
    .if     \count >= 4
    smlatb  r7, r9, r11, r7
    .endif
    .endif
    smlabt  r4, r9, r12, r4
    .if     \count >= 2
    smlad   r5, r9, r12, r5
    .endif
    .if     \count >= 3
    smlabt  r6, r10, r12, r6
    .endif
    .if     \count >= 4
    smlad   r7, r10, r12, r7
    .endif
    .endm

/* The same at stride 2, where output i takes word i and the first half of word i + 1. */
    .macro  products2 row, count, first
    .if     \first
    ldm     r3, {r7, r11, r12}
    ldrd    r8, r9, [r0], #2 * pitch
    smlad   r4, r8, r11, r7
    smlabt  r4, r9, r12, r4
    .else
    ldrd    r11, r12, [r3, #4 + 8 * \row]
    ldrd    r8, r9, [r0, #32 * \row - 2 * pitch]
    smlad   r4, r8, r11, r4
    smlabt  r4, r9, r12, r4
    .endif
    .if     \count >= 2
    ldrd    r8, r10, [r0, #32 * \row - pitch]
    .if     \first
    smlad   r5, r9, r11, r7
    .else
    smlad   r5, r9, r11, r5
    .endif
    smlabt  r5, r8, r12, r5
    .endif
    .if     \count >= 3
    .if     \first
    smlad   r6, r8, r11, r7
    .else
    smlad   r6, r8, r11, r6
    .endif
    smlabt  r6, r10, r12, r6
    .endif
    .if     \count >= 4
    ldr     r9, [r0, #32 * \row]
    smlad   r7, r10, r11, r7
    smlabt  r7, r9, r12, r7
    .endif
    .endm

    .macro  outputs stride, count
    products\stride 0, \count, 1
    products\stride 1, \count, 0
    products\stride 2, \count, 0
    finish_all \count
    .endm

/* void td_planar_3x3_multiply<stride>[_short][_rectified](const td_planar_band *band)
 * Stack: 0 bytes of words and 4 of outputs in whole groups of four, 8 end of the constants, 12 plane, 16 where a
 * channel begins, 20 where it goes on behind those groups, 24 rows, 28 their end, 32 words, 36 constants, 40 base. */
    .macro  convolve stride
    push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
    sub     sp, sp, #44
    ldrd    r12, r8, [r0, #28]
    ldm     r0, {r0, r1, r2, r3, r4, r5, r6}
    add     r12, r12, #12
    add     r8, r8, #12
    strd    r8, r6, [sp, #8]
    strd    r2, r3, [sp, #24]
    strd    r0, r12, [sp, #32]
    str     r1, [sp, #40]
    mov     r2, r4
    lsr     r6, r5, #2
    mul     r7, r6, r4
    lsl     r8, r6, #pitch_log + \stride - 1
    lsl     r7, r7, #2
    sub     r7, r7, #1
    strd    r8, r7, [sp]
    adr     r9, 20f
    and     r5, r5, #3
    ldr     r5, [r9, r5, lsl #2]
    add     r5, r5, r9
    adr     r9, 2f
    orr     r9, r9, #1
    cmp     r6, #0
    it      eq
    moveq   r9, r5
    strd    r9, r5, [sp, #16]
1:
    ldrd    r8, r7, [sp, #24]
    ldrd    r0, r3, [sp, #32]
    ldr     r4, [sp]
    ldr     r1, [r8], #4
    ldr     r5, [sp, #40]
    ldr     r9, [sp, #16]
    str     r8, [sp, #24]
    add     r6, r0, #32 * \stride
    add     lr, r0, r4
    add     r1, r1, r5
    str     r6, [sp, #32]
    bx      r9
    .balign 4
20:
    .word   14f - 20b + 1
    .word   11f - 20b + 1
    .word   12f - 20b + 1
    .word   13f - 20b + 1
    .balign 4
2:
    outputs \stride, 4
    cmp     r0, lr
    bne     2b
    ldr     pc, [sp, #20]
11:
    outputs \stride, 1
    b       14f
12:
    outputs \stride, 2
    b       14f
13:
    outputs \stride, 3
14:
    ldm     sp, {r4, r5, r6, r7, r8}
    add     r3, r3, #40
    add     lr, lr, r7
    sub     r1, r1, r5
    sub     r0, lr, r4
    cmp     r3, r6
    it      ne
    bxne    r8
    ldrd    r4, r5, [sp, #24]
    cmp     r4, r5
    bne     1b
    add     sp, sp, #44
    pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
    .endm

    .macro  function name, stride
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type   \name, %function
    .thumb_func
\name:
    convolve \stride
    .size   \name, . - \name
    .endm

/* Not by a macro round these: the assembler's line tables lose what nested macros put into sections. */
    .set    pitch_log, 8 /* 8 slots of 32 bytes */
    .set    pitch, 1 << pitch_log
    .set    rectified, 0
    function td_planar_3x3_multiply1, 1
    function td_planar_3x3_multiply2, 2
    .set    rectified, 1
    function td_planar_3x3_multiply1_rectified, 1
    function td_planar_3x3_multiply2_rectified, 2

    .set    pitch_log, 7
    .set    pitch, 1 << pitch_log
    .set    rectified, 0
    function td_planar_3x3_multiply1_short, 1
    function td_planar_3x3_multiply2_short, 2
    .set    rectified, 1
    function td_planar_3x3_multiply1_short_rectified, 1
    function td_planar_3x3_multiply2_short_rectified, 2

#endif
