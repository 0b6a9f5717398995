/* SPDX-License-Identifier: 0BSD */
/* Widening of pixels and weights for matrix products, in assembly; td_gemm.h states the contract. */
#include "td_core.h"

#if TD_DSP

    .syntax unified
    .thumb

    .macro FUNCTION name
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    .endm

/* 2 * (x + 128) of the bytes 0 and 2 of r\even, and of 1 and 3 in r\odd; \mask is 0x01FE01FE. */
    .macro WIDEN_UNSIGNED even, odd, mask=r3
    eor \even, \even, #0x80808080
    and \odd, \mask, \even, lsr #7
    and \even, \mask, \even, lsl #1
    .endm

/* Stack: taps, pairs, from x to y, from a pair's end to the next pair, the same of the result; then 9 saved registers
 * and the layout. r0 to, r1 pixel x, r2 pixel y, r3 mask, r12 end of x. \factor: result bytes per tap. */
    .macro BEGIN_PAIRS factor
    push {r4-r11, lr}
    ldr r7, [sp, #36]
    ldm r7, {r4-r6}
    sub r5, r5, r2
    sub r6, r6, r2, lsl #\factor
    push {r2-r6}
    movw r3, #0x01FE
    movt r3, #0x01FE
1:  ldr r2, [sp, #8]
    ldr r4, [sp, #0]
    add r2, r1, r2
    add r12, r1, r4
    tst r4, #4
    beq 2f
    ldr r4, [r1], #4
    ldr r5, [r2], #4
    WIDEN_UNSIGNED r4, r6
    WIDEN_UNSIGNED r5, r7
    cmp r1, r12
    .endm

    .macro END_PAIRS
3:  ldrd r4, r5, [sp, #12]
    ldr r6, [sp, #4]
    add r1, r1, r4
    add r0, r0, r5
    subs r6, r6, #1
    str r6, [sp, #4]
    bne 1b
    add sp, sp, #20
    pop {r4-r11, pc}
    .endm

    FUNCTION td_widen_pixels
    BEGIN_PAIRS 2
    stm r0!, {r4-r7}
    beq 3f
2:  ldr r4, [r1], #4
    ldr r5, [r2], #4
    ldr r8, [r1], #4
    ldr r9, [r2], #4
    WIDEN_UNSIGNED r4, r6
    WIDEN_UNSIGNED r5, r7
    WIDEN_UNSIGNED r8, r10
    WIDEN_UNSIGNED r9, r11
    cmp r1, r12
    stm r0!, {r4-r11}
    bne 2b
    END_PAIRS
    .size td_widen_pixels, . - td_widen_pixels

    FUNCTION td_widen_pixels_apart
    BEGIN_PAIRS 3
    strd r4, r5, [r0], #16
    strd r6, r7, [r0], #16
    beq 3f
2:  ldr r4, [r1], #4
    ldr r5, [r2], #4
    ldr r8, [r1], #4
    ldr r9, [r2], #4
    WIDEN_UNSIGNED r4, r6
    WIDEN_UNSIGNED r5, r7
    WIDEN_UNSIGNED r8, r10
    WIDEN_UNSIGNED r9, r11
    cmp r1, r12
    strd r4, r5, [r0], #16
    strd r6, r7, [r0], #16
    strd r8, r9, [r0], #16
    strd r10, r11, [r0], #16
    bne 2b
    END_PAIRS
    .size td_widen_pixels_apart, . - td_widen_pixels_apart

/* Of the row at \p, of x and then of y; \p moves on to y. r12 pitch, lr mask. */
    .macro WIDEN_ROW p
    ldr r4, [\p]
    ldr r8, [\p, #4]
    add \p, \p, r12
    ldr r5, [\p]
    ldr r9, [\p, #4]
    WIDEN_UNSIGNED r4, r6, lr
    WIDEN_UNSIGNED r5, r7, lr
    WIDEN_UNSIGNED r8, r10, lr
    WIDEN_UNSIGNED r9, r11, lr
    stm r0!, {r4-r11}
    .endm

/* \a: the bytes 8 of the three rows, in order. */
    .macro LAST_BYTES a, b, c
    ldrb \a, [r1, #8]
    ldrb \b, [r2, #8]
    ldrb \c, [r3, #8]
    orr \a, \a, \b, lsl #8
    orr \a, \a, \c, lsl #16
    .endm

    FUNCTION td_widen_3x3x3
    push {r4-r11, lr}
    mov r12, r3
    push {r2, r3}
    ldm r1, {r1-r3}
    movw lr, #0x01FE
    movt lr, #0x01FE
1:  WIDEN_ROW r1
    WIDEN_ROW r2
    WIDEN_ROW r3
    LAST_BYTES r5, r8, r9
    sub r1, r1, r12
    sub r2, r2, r12
    sub r3, r3, r12
    LAST_BYTES r4, r8, r9
    WIDEN_UNSIGNED r4, r6, lr
    WIDEN_UNSIGNED r5, r7, lr
    ldr r8, [sp]
    stm r0!, {r4-r7}
    add r1, r1, r12, lsl #1
    add r2, r2, r12, lsl #1
    add r3, r3, r12, lsl #1
    subs r8, r8, #1
    str r8, [sp]
    bne 1b
    add sp, sp, #8
    pop {r4-r11, pc}
    .size td_widen_3x3x3, . - td_widen_3x3x3

    FUNCTION td_widen_weights
    push {r4-r11, lr}
1:  ldm r1!, {r4-r7}
    sxtb16 r8, r4, ror #8
    sxtb16 r9, r5, ror #8
    sxtb16 r10, r6, ror #8
    sxtb16 r11, r7, ror #8
    sxtb16 r4, r4
    sxtb16 r5, r5
    sxtb16 r6, r6
    sxtb16 r7, r7
    cmp r1, r2
    stm r0!, {r4-r11}
    bne 1b
    pop {r4-r11, pc}
    .size td_widen_weights, . - td_widen_weights

    FUNCTION td_widen_weights_of_two
    push {r4-r11, lr}
1:  ldm r1!, {r4, r5, r8, r9}
    sxtb16 r6, r4, ror #8
    sxtb16 r7, r5, ror #8
    sxtb16 r10, r8, ror #8
    sxtb16 r11, r9, ror #8
    sxtb16 r4, r4
    sxtb16 r5, r5
    sxtb16 r8, r8
    sxtb16 r9, r9
    cmp r1, r2
    stm r0!, {r4-r11}
    blo 1b
    pop {r4-r11, pc}
    .size td_widen_weights_of_two, . - td_widen_weights_of_two

#endif
