/* SPDX-License-Identifier: 0BSD */
/* Fully-connected layers, weights as they are, for the DSP extension: td_dense.h says what is computed. */
#include "td_core.h"
#if TD_DSP

    .syntax unified
    .thumb

/* void td_dense_single_spread(const int8_t *x, const int8_t *end, int32_t *pairs) */
    .section .text.td_dense_single_spread, "ax", %progbits
    .balign 4
    .global td_dense_single_spread
    .type td_dense_single_spread, %function
    .thumb_func
td_dense_single_spread:
    push    {r4, lr}
1:
    ldr     r4, [r0], #4
    cmp     r0, r1
    sxtb16  r3, r4, ror #8
    sxtb16  r4, r4
    strd    r3, r4, [r2], #8
    bne     1b
    pop     {r4, pc}
    .size td_dense_single_spread, . - td_dense_single_spread

/* Four weights of one unit with the pairs in r6 and r7. */
    .macro  products sum, weights
    sxtb16  r12, \weights, ror #8
    sxtb16  \weights, \weights
    smlad   \sum, r12, r6, \sum
    smlad   \sum, \weights, r7, \sum
    .endm

    .macro  group
    ldm     r0!, {r6, r7}
    ldm     r1!, {r8, r9, r10, r11}
    products r2, r8
    products r3, r9
    products r4, r10
    products r5, r11
    .endm

/* void td_dense_single_add(pairs, pairs_end, weights, skip, sums, sums_end)
 * r0 pairs, r1 weights, r2 to r5 sums. Stack: 0 pairs, 4 pairs_end, 8 skip, 12 the last pairs that are a multiple of 16
 * elements from the first, then 36 bytes of saved registers, 52 sums, 56 sums_end. */
    .section .text.td_dense_single_add, "ax", %progbits
    .balign 4
    .global td_dense_single_add
    .type td_dense_single_add, %function
    .thumb_func
td_dense_single_add:
    push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
    sub     r4, r1, r0
    bic     r4, r4, #31
    add     r4, r4, r0
    push    {r0, r1, r3, r4}
    mov     r1, r2
1:
    ldr     r6, [sp, #52]
    ldr     r0, [sp]
    ldr     lr, [sp, #12]
    ldm     r6, {r2, r3, r4, r5}
    cmp     r0, lr
    beq     3f
2:
    .rept   4
    group
    .endr
    cmp     r0, lr
    bne     2b
3:
    ldr     lr, [sp, #4]
    cmp     r0, lr
    beq     5f
4:
    group
    cmp     r0, lr
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
    .size td_dense_single_add, . - td_dense_single_add

#endif
