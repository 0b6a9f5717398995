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
 * Stack: 0, 4 padding, 8 where columns are loaded, 12, 16 padding, 20 rows, 24 bytes from behind one group's words to
 * the next group, 28 groups, 32 their end, 36 the group's columns that are inside. */
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
    mov     r12, r3
    mov     lr, r5
    mov     r2, r8
    sub     r5, r5, r4
    sub     r9, r9, r5, lsl #3
    strd    r4, r9, [sp, #20]
    strd    r6, r7, [sp, #28]
    mov     r0, r1
1:
    ldrd    r5, r6, [sp, #28]
    ldr     r3, [sp, #20]
    cmp     r5, r6
    beq     6f
    ldr     r6, [r5], #4
    str     r5, [sp, #28]
    cmp     r6, #0xf0000000
    bne     3f
2:
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
    bne     2b
    ldr     r4, [sp, #24]
    add     r12, r12, r2, lsl #2
    add     r0, r0, r4
    b       1b

/* Some columns are padding; by which they are, in the order of bits 31 to 28 of the flags. */
3:
    str     r6, [sp, #36]
    adr     r4, 20f
    lsr     r6, r6, #28
    ldrb    r6, [r4, r6]
    add     r4, r4, r6
    str     r4, [sp, #8]
4:
    ldr     r1, [r3], #4
    ldm     sp, {r4, r5, r6, r10, r11}
    add     r1, r1, r12
    bx      r6
    .balign 4
20:
    .byte   15f - 20b + 1, 15f - 20b + 1, 15f - 20b + 1, 15f - 20b + 1
    .byte   15f - 20b + 1, 15f - 20b + 1, 15f - 20b + 1, 14f - 20b + 1
    .byte   11f - 20b + 1, 15f - 20b + 1, 15f - 20b + 1, 15f - 20b + 1
    .byte   12f - 20b + 1, 15f - 20b + 1, 13f - 20b + 1, 15f - 20b + 1
15:
    ldr     r6, [sp, #36]
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
    b       5f
14:
    ldr     r10, [r1, r2]
    add     r1, r1, r2, lsl #1
    ldr     r5, [r1]
    ldr     r11, [r1, r2]
    b       5f
13:
    ldr     r5, [r1, r2, lsl #1]
12:
    ldr     r10, [r1, r2]
11:
    ldr     r4, [r1]
5:
    transpose
    cmp     r3, lr
    stm     r0!, {r4, r5, r6, r7, r8, r9, r10, r11}
    bne     4b
    ldr     r4, [sp, #24]
    add     r12, r12, r2, lsl #2
    add     r0, r0, r4
    b       1b
6:
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
