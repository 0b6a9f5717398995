/* SPDX-License-Identifier: 0BSD */
/* Fully-connected layers, two weights joined in one int16, for the DSP extension: td_dense.h says what is computed. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* void td_dense_joint_spread(const int8_t *x, const int8_t *end, int32_t *pairs)
 * REV16 swaps the bytes of p and q: 256 * p + (q as uint8), whose low byte, inverted but for its sign bit, is 127 - q
 * less 256 where q is negative... which the sign bit, kept, makes up for. */
    .section .text.td_dense_joint_spread, "ax", %progbits
    .balign 4
    .global td_dense_joint_spread
    .type td_dense_joint_spread, %function
    .thumb_func
td_dense_joint_spread:
    push    {r4, lr}
1:
    ldr     r3, [r0], #4
    rev16   r4, r3
    eor     r4, r4, #0x007f007f
    sxtb16  r3, r3, ror #8
    cmp     r0, r1
    strd    r3, r4, [r2], #8
    bne     1b
    pop     {r4, pc}
    .size td_dense_joint_spread, . - td_dense_joint_spread

/* Four weights of each of 4 units, in r10, r11, r12, lr, with the pairs q and r. Sums in r2 to r5. */
    .macro  products q, r
    ldm     r1!, {r10, r11, r12, lr}
    smlad   r2, r10, \q, r2
    sxtb16  r10, r10
    smlad   r3, r11, \q, r3
    sxtb16  r11, r11
    smlad   r4, r12, \q, r4
    sxtb16  r12, r12
    smlad   r5, lr, \q, r5
    sxtb16  lr, lr
    smlad   r2, r10, \r, r2
    smlad   r3, r11, \r, r3
    smlad   r4, r12, \r, r4
    smlad   r5, lr, \r, r5
    .endm

/* void td_dense_joint_add(pairs, pairs_end, weights, skip, sums, sums_end)
 * r0 pairs, r1 weights. Stack: 0 pairs, 4 pairs_end, 8 skip, 12 the last pairs that are a multiple of 32 elements from
 * the first, then 36 bytes of saved registers, 52 sums, 56 sums_end. */
    .section .text.td_dense_joint_add, "ax", %progbits
    .balign 4
    .global td_dense_joint_add
    .type td_dense_joint_add, %function
    .thumb_func
td_dense_joint_add:
    push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
    sub     r4, r1, r0
    bic     r4, r4, #63
    add     r4, r4, r0
    push    {r0, r1, r3, r4}
    mov     r1, r2
1:
    ldr     lr, [sp, #52]
    ldr     r0, [sp]
    ldr     r7, [sp, #12]
    ldm     lr, {r2, r3, r4, r5}
    cmp     r0, r7
    beq     3f
2:
    .rept   4
    ldm     r0!, {r6, r7, r8, r9}
    products r6, r7
    products r8, r9
    .endr
    ldr     r6, [sp, #12]
    cmp     r0, r6
    bne     2b
3:
    ldr     r8, [sp, #4]
    cmp     r0, r8
    beq     5f
4:
    ldm     r0!, {r6, r7}
    products r6, r7
    cmp     r0, r8
    bne     4b
5:
    ldrd    lr, r6, [sp, #52]
    ldr     r7, [sp, #8]
    stm     lr!, {r2, r3, r4, r5}
    add     r1, r1, r7
    str     lr, [sp, #52]
    cmp     lr, r6
    bne     1b
    add     sp, sp, #16
    pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
    .size td_dense_joint_add, . - td_dense_joint_add

#endif
