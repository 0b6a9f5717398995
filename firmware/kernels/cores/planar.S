/* SPDX-License-Identifier: 0BSD */
/* Bytes to planes, and bounds of outputs, for the DSP extension: td_planar.h says what is computed. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* Columns 0 to 3 of four channels in r4, r10, r5, r11, to the words of channel 0, 1, 2, 3 in r4 to r11. */
    .macro  transpose
    pkhbt   r6, r4, r10, lsl #16
    pkhtb   r10, r10, r4, asr #16
    pkhbt   r7, r5, r11, lsl #16
    pkhtb   r11, r11, r5, asr #16
    sxtb16  r4, r6
    sxtb16  r5, r7
    sxtb16  r6, r6, ror #8
    sxtb16  r7, r7, ror #8
    sxtb16  r8, r10
    sxtb16  r9, r11
    sxtb16  r10, r10, ror #8
    sxtb16  r11, r11, ror #8
    .endm

/* void td_planar_load(const td_planar_source *source)
 * r0 words, r1 column, r2 pixel, r3 rows, r12 column 0 of the group, lr end of the rows.
 * Stack: 0, 4 padding, 8 the group's columns that are inside, 12, 16 padding, 20 rows, 24 their end, 28 groups, 32 their
 * end, 36 words of the group, 40 pitch. */
    .section .text.td_planar_load, "ax", %progbits
    .balign 4
    .global td_planar_load
    .type td_planar_load, %function
    .thumb_func
td_planar_load:
    push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
    sub     sp, sp, #44
    ldm     r0, {r1, r3, r4, r5, r6, r7, r8, r9, r10}
    strd    r10, r10, [sp]
    strd    r10, r10, [sp, #12]
    strd    r4, r5, [sp, #20]
    strd    r6, r7, [sp, #28]
    strd    r1, r9, [sp, #36]
    mov     r12, r3
    mov     r2, r8
1:
    ldrd    r4, r5, [sp, #36]
    mov     r0, r4
    add     r4, r4, r5
    str     r4, [sp, #36]
    ldr     r5, [sp, #28]
    ldrd    r3, lr, [sp, #20]
    ldr     r6, [r5], #4
    str     r5, [sp, #28]
    cmp     r6, #0xf0000000
    beq     3f
    str     r6, [sp, #8]
2:
    ldr     r1, [r3], #4
    ldm     sp, {r4, r5, r6, r10, r11}
    add     r1, r1, r12
    msr     apsr_nzcvq, r6
    it      mi
    ldrmi   r4, [r1]
    it      eq
    ldreq   r10, [r1, r2]
    add     r1, r1, r2, lsl #1
    it      cs
    ldrcs   r5, [r1]
    it      vs
    ldrvs   r11, [r1, r2]
    transpose
    cmp     r3, lr
    stm     r0!, {r4, r5, r6, r7, r8, r9, r10, r11}
    bne     2b
    b       4f
3:
    ldr     r1, [r3], #4
    add     r1, r1, r12
    ldr     r4, [r1]
    ldr     r10, [r1, r2]
    add     r1, r1, r2, lsl #1
    ldr     r5, [r1]
    ldr     r11, [r1, r2]
    transpose
    cmp     r3, lr
    stm     r0!, {r4, r5, r6, r7, r8, r9, r10, r11}
    bne     3b
4:
    ldrd    r4, r5, [sp, #28]
    add     r12, r12, r2, lsl #2
    cmp     r4, r5
    bne     1b
    add     sp, sp, #44
    pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
    .size td_planar_load, . - td_planar_load

/* void td_planar_bound_4(const td_planar_band *band, uint32_t low, uint32_t lift)
 * r3 pixel, r4 rows, r5 their end, r6 base, r7 width, r0 word, lr pairs of outputs left. */
    .section .text.td_planar_bound_4, "ax", %progbits
    .balign 4
    .global td_planar_bound_4
    .type td_planar_bound_4, %function
    .thumb_func
td_planar_bound_4:
    push    {r4, r5, r6, r7, r8, r9, lr}
    ldrd    r4, r5, [r0, #8]
    ldrd    r3, r7, [r0, #16]
    ldr     r6, [r0, #4]
1:
    ldr     r0, [r4], #4
    lsrs    lr, r7, #1
    add     r0, r0, r6
    beq     3f
2:
    ldr     r8, [r0]
    ldr     r9, [r0, r3]
    ssub8   r12, r8, r1
    sel     r8, r8, r1
    ssub8   r12, r9, r1
    sel     r9, r9, r1
    ssub8   r8, r8, r2
    ssub8   r9, r9, r2
    str     r8, [r0]
    str     r9, [r0, r3]
    subs    lr, lr, #1
    add     r0, r0, r3, lsl #1
    bne     2b
3:
    lsls    r12, r7, #31
    beq     4f
    ldr     r8, [r0]
    ssub8   r12, r8, r1
    sel     r8, r8, r1
    ssub8   r8, r8, r2
    str     r8, [r0]
4:
    cmp     r4, r5
    bne     1b
    pop     {r4, r5, r6, r7, r8, r9, pc}
    .size td_planar_bound_4, . - td_planar_bound_4

#endif
