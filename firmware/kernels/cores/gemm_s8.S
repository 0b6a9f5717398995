/* SPDX-License-Identifier: 0BSD */
/* Core loops of matrix products in assembly; td_gemm.h states the contract. */
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

/* Registers of the loops: sums of pixel x in r4-r7, of y in r8-r11; r0 pixels, r1 weights; r2, r3 a pair of taps of x
 * and y; r12, lr weights. Each step takes one pair of taps. The first adds to the biases, which are in r4-r7. */

    .macro STEP_paired
    ldrd r2, r3, [r0], #8
    ldrd r12, lr, [r1], #8
    smlad r4, r12, r2, r4
    smlad r8, r12, r3, r8
    smlad r5, lr, r2, r5
    smlad r9, lr, r3, r9
    ldrd r12, lr, [r1], #8
    smlad r6, r12, r2, r6
    smlad r10, r12, r3, r10
    smlad r7, lr, r2, r7
    smlad r11, lr, r3, r11
    .endm

    .macro FIRST_paired
    ldrd r2, r3, [r0], #8
    ldrd r12, lr, [r1], #8
    smlad r8, r12, r3, r4
    smlad r4, r12, r2, r4
    smlad r9, lr, r3, r5
    smlad r5, lr, r2, r5
    ldrd r12, lr, [r1], #8
    smlad r10, r12, r3, r6
    smlad r6, r12, r2, r6
    smlad r11, lr, r3, r7
    smlad r7, lr, r2, r7
    ldr lr, [sp, #FRAME_ENTRY]
    .endm

/* Loads run ahead of their use: r12, r2 and r3 hold what the next step begins with. */
    .macro STEP_single
    smlad r4, r12, r2, r4
    ldr.w lr, [r1, #4]
    smlad r8, r12, r3, r8
    smlad r5, lr, r2, r5
    ldr.w r12, [r1, #8]
    smlad r9, lr, r3, r9
    smlad r6, r12, r2, r6
    ldr.w lr, [r1, #12]
    smlad r10, r12, r3, r10
    ldr.w r12, [r1, #16]!
    smlad r7, lr, r2, r7
    ldr.w r2, [r0, #8]!
    smlad r11, lr, r3, r11
    ldr.w r3, [r0, #4]
    .endm

    .macro FIRST_single
    ldr r12, [r1]
    ldrd r2, r3, [r0]
    ldr lr, [r1, #4]
    smlad r8, r12, r3, r4
    smlad r4, r12, r2, r4
    ldr r12, [r1, #8]
    smlad r9, lr, r3, r5
    smlad r5, lr, r2, r5
    ldr lr, [r1, #12]
    smlad r10, r12, r3, r6
    smlad r6, r12, r2, r6
    ldr r12, [r1, #16]!
    smlad r11, lr, r3, r7
    ldr r3, [r0, #12]
    smlad r7, lr, r2, r7
    ldr r2, [r0, #8]!
    ldr lr, [sp, #FRAME_ENTRY]
    .endm

    .equ STEPS_paired, 8 /* in a turn of the loop */
    .equ STEPS_single, 16
    .equ STEPS_direct, 16
    .equ STEPS_square, 8
    .equ STEP_BYTES_square, 10 * 4
    .equ STEP_BYTES_paired, 11 * 4
    .equ STEP_BYTES_single, 14 * 4
    .equ STEP_BYTES_direct, 14 * 4
    .equ WEIGHT_SHIFT_paired, 4 /* log2 of the bytes of weights that a step takes ... */
    .equ WEIGHT_SHIFT_single, 4
    .equ WEIGHT_SHIFT_direct, 2
    .equ WEIGHT_SHIFT_square, 4
    .equ AHEAD_paired, 0 /* ... and how far ahead of its use the last load has moved the pointer */
    .equ AHEAD_single, 0
    .equ AHEAD_direct, 4
    .equ AHEAD_square, 0

/* The stack: the first six words of the block, then where in the loop to enter, then the block's biases. */
    .equ FRAME_PIXELS, 0
    .equ FRAME_WEIGHTS, 4
    .equ FRAME_WEIGHTS_END, 8
    .equ FRAME_OUT, 12
    .equ FRAME_PITCH, 16
    .equ FRAME_OUT_END, 20
    .equ FRAME_ENTRY, 24
    .equ FRAME_BIAS, 28
    .equ FRAME_BYTES, 32

/* Two pixels of one channel: \x and \y become results, saturated; the channel's scale is in r2, r3 and r12. */
    .macro REQUANTIZE x, y, saturate
    add lr, r3, \x, asr #31
    smmlar \x, \x, r2, lr
    add lr, r3, \y, asr #31
    smmlar \y, \y, r2, lr
    asr \x, \x, r12
    asr \y, \y, r12
    \saturate \x, #8, \x
    \saturate \y, #8, \y
    .endm

    .macro REQUANTIZE_ALL saturate
    ldr r0, [sp, #FRAME_BIAS]
    ldr r1, [sp, #FRAME_OUT]
    add r0, r0, #16
    ldm r0!, {r2, r3, r12}
    REQUANTIZE r4, r8, \saturate
    ldm r0!, {r2, r3, r12}
    REQUANTIZE r5, r9, \saturate
    bfi r4, r5, #8, #8
    bfi r8, r9, #8, #8
    ldm r0!, {r2, r3, r12}
    REQUANTIZE r6, r10, \saturate
    bfi r4, r6, #16, #8
    bfi r8, r10, #16, #8
    ldm r0!, {r2, r3, r12}
    REQUANTIZE r7, r11, \saturate
    bfi r4, r7, #24, #8
    bfi r8, r11, #24, #8
    .endm

    .macro STORE
    ldrd r2, r3, [sp, #FRAME_PITCH]
    str r4, [r1]
    str r8, [r1, r2]
    add r1, r1, r2, lsl #1
    .endm

/* The bytes of \results from [0, 255] into their bounds; lift in r2, drop in r3. */
    .macro CLAMP results
    uqadd8 \results, \results, r2
    uadd8 \results, \results, r3
    .endm

    .macro FINISH_plain
    REQUANTIZE_ALL ssat
    STORE
    .endm

    .macro FINISH_clamped
    REQUANTIZE_ALL usat
    ldrd r2, r3, [r0]
    CLAMP r4
    CLAMP r8
    STORE
    .endm

    .macro REQUANTIZE_DIRECT saturate
    ldr r0, [sp, #FRAME_BIAS]
    ldr r1, [sp, #FRAME_OUT]
    add r0, r0, #16
    ldm r0!, {r2, r3, r12}
    REQUANTIZE r4, r5, \saturate
    REQUANTIZE r6, r7, \saturate
    ldm r0!, {r2, r3, r12}
    REQUANTIZE r8, r9, \saturate
    REQUANTIZE r10, r11, \saturate
    bfi r4, r8, #8, #8
    bfi r5, r9, #8, #8
    bfi r6, r10, #8, #8
    bfi r7, r11, #8, #8
    .endm

    .macro STORE_DIRECT
    ldrd r2, r3, [sp, #FRAME_PITCH]
    strh r4, [r1]
    strh r5, [r1, r2]
    strh r6, [r1, r2, lsl #1]
    add r1, r1, r2
    strh r7, [r1, r2, lsl #1]
    add r2, r2, r2, lsl #1
    add r1, r1, r2
    .endm

    .macro FINISH_direct
    REQUANTIZE_DIRECT ssat
    STORE_DIRECT
    .endm

    .macro FINISH_direct_clamped
    REQUANTIZE_DIRECT usat
    ldrd r2, r3, [r0, #24]
    CLAMP r4
    CLAMP r5
    CLAMP r6
    CLAMP r7
    STORE_DIRECT
    .endm

/* 2 channels of 2 pixels: sums of x in r4, r5, of y in r6, r7. A step takes two pairs of taps. */
    .macro STEP_square
    ldm r0!, {r2, r3, r8, r9}
    ldm r1!, {r10, r11, r12, lr}
    smlad r4, r10, r2, r4
    smlad r6, r10, r3, r6
    smlad r5, r11, r2, r5
    smlad r7, r11, r3, r7
    smlad r4, r12, r8, r4
    smlad r6, r12, r9, r6
    smlad r5, lr, r8, r5
    smlad r7, lr, r9, r7
    .endm

    .macro FIRST_square
    ldm r0!, {r2, r3, r8, r9}
    ldm r1!, {r10, r11, r12, lr}
    smlad r6, r10, r3, r4
    smlad r4, r10, r2, r4
    smlad r7, r11, r3, r5
    smlad r5, r11, r2, r5
    smlad r4, r12, r8, r4
    smlad r6, r12, r9, r6
    smlad r5, lr, r8, r5
    smlad r7, lr, r9, r7
    ldr lr, [sp, #FRAME_ENTRY]
    .endm

    .macro REQUANTIZE_SQUARE saturate
    ldr r0, [sp, #FRAME_BIAS]
    ldr r1, [sp, #FRAME_OUT]
    add r0, r0, #16
    ldm r0!, {r2, r3, r12}
    REQUANTIZE r4, r6, \saturate
    ldm r0!, {r2, r3, r12}
    REQUANTIZE r5, r7, \saturate
    bfi r4, r5, #8, #8
    bfi r6, r7, #8, #8
    .endm

    .macro STORE_SQUARE
    ldrd r2, r3, [sp, #FRAME_PITCH]
    strh r4, [r1]
    strh r6, [r1, r2]
    add r1, r1, r2, lsl #1
    .endm

    .macro FINISH_square
    REQUANTIZE_SQUARE ssat
    STORE_SQUARE
    .endm

    .macro FINISH_square_clamped
    REQUANTIZE_SQUARE usat
    ldrd r2, r3, [r0, #24]
    CLAMP r4
    CLAMP r6
    STORE_SQUARE
    .endm

    .macro FINISH_sums
    ldr r1, [sp, #FRAME_OUT]
    ldr r3, [sp, #FRAME_OUT_END]
    stm r1!, {r4-r11}
    .endm

/* 2 channels of 4 pixels: sums of channel a in r4-r7, of b in r8-r11; r0 pixels, r1 weights; r2, r3 a pair of taps of
 * two pixels; r12, lr weights of a and b. Loads run ahead: r12 holds the next weights as bytes, r2 and r3 two pixels. */
    .macro STEP_direct
    sxtb16 lr, r12, ror #8
    sxtb16 r12, r12
    smlad r8, lr, r2, r8
    smlad r4, r12, r2, r4
    ldr.w r2, [r0, #8]
    smlad r9, lr, r3, r9
    smlad r5, r12, r3, r5
    ldr.w r3, [r0, #12]
    smlad r6, r12, r2, r6
    smlad r7, r12, r3, r7
    ldr.w r12, [r1], #4
    smlad r10, lr, r2, r10
    smlad r11, lr, r3, r11
    ldrd r2, r3, [r0, #16]!
    .endm

    .macro FIRST_direct
    ldr r12, [r1], #4
    ldrd r2, r3, [r0]
    mov r8, r5
    sxtb16 lr, r12, ror #8
    sxtb16 r12, r12
    smlad r9, lr, r3, r8
    smlad r5, r12, r3, r4
    ldr r3, [r0, #8]
    smlad r10, lr, r3, r8
    smlad r6, r12, r3, r4
    ldr r3, [r0, #12]
    smlad r11, lr, r3, r8
    smlad r8, lr, r2, r8
    smlad r7, r12, r3, r4
    smlad r4, r12, r2, r4
    ldr r12, [r1], #4
    ldrd r2, r3, [r0, #16]!
    ldr lr, [sp, #FRAME_ENTRY]
    .endm

/* Of n steps, n > 1, the first one stands before the loop, which is entered so that its turns make the other n - 1:
 * (n - 1) mod STEPS steps before its end. (A step takes one pair of taps, in the square form two.) */
    .macro GEMM name, form, finish
    FUNCTION \name
    push {r4-r11, lr}
    ldm r0, {r1-r6}
    sub r7, r3, r2
    add r3, r3, #AHEAD_\form
    lsr r7, r7, #WEIGHT_SHIFT_\form
    rsb r7, r7, #1
    and r7, r7, #STEPS_\form - 1
    mov r8, #STEP_BYTES_\form
    mul r7, r7, r8
    adr.w r8, 2f
    add r7, r7, r8
    orr r7, r7, #1
    add r8, r0, #24
    push {r1-r8}
1:  ldr r2, [sp, #FRAME_BIAS]
    ldrd r0, r1, [sp, #FRAME_PIXELS]
    ldm r2, {r4-r7}
    FIRST_\form
    bx lr
    .balign 4
2:  .rept STEPS_\form
    STEP_\form
    .endr
    ldr lr, [sp, #FRAME_WEIGHTS_END]
    cmp r1, lr
    bne 2b
    str r0, [sp, #FRAME_PIXELS]
    FINISH_\finish
    cmp r1, r3
    str r1, [sp, #FRAME_OUT]
    bne 1b
    add sp, sp, #FRAME_BYTES
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    GEMM td_gemm_paired, paired, plain
    GEMM td_gemm_single, single, plain
    GEMM td_gemm_paired_clamped, paired, clamped
    GEMM td_gemm_single_clamped, single, clamped
    GEMM td_gemm_paired_sums, paired, sums
    GEMM td_gemm_square, square, square
    GEMM td_gemm_square_clamped, square, square_clamped
    GEMM td_gemm_direct, direct, direct
    GEMM td_gemm_direct_clamped, direct, direct_clamped

#endif
