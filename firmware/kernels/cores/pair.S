/* SPDX-License-Identifier: 0BSD */
/* Taps of two pixels times weights in assembly; td_pair.h states the contract. */
#include "td_core.h"

#if TD_DSP

    .syntax unified
    .thumb

    .equ STEPS, 4 /* in a turn of the loop */
    .equ STEP_BYTES_narrow, 18 * 4
    .equ STEP_BYTES_wide, 14 * 4
    .equ STEP_SHIFT_narrow, 3 /* log2 of the bytes of taps that a step takes */
    .equ STEP_SHIFT_wide, 4

/* The stack. */
    .equ FRAME_TAPS, 0 /* and their end */
    .equ FRAME_CHANNELS, 8
    .equ FRAME_CHANNELS_END, 12
    .equ FRAME_OUT, 16 /* x and y */
    .equ FRAME_ROUNDING, 24
    .equ FRAME_ENTRY, 28
    .equ FRAME_HIGHS, 32 /* bounds and step */
    .equ FRAME_BYTES, 40

/* 4 taps. Sums of x in r4, r5, of y in r6, r7; r0 taps, r1 weights. Of x r3 and r11 hold the even and the odd taps, of y
 * r8 and r12; lr and r9, then lr and r10 the weights of channels a and b for them. */
    .macro MULTIPLY
    sxtb16 lr, r9
    sxtb16 r9, r9, ror #8
    smlad r4, lr, r3, r4
    smlad r6, lr, r8, r6
    smlad r5, r9, r3, r5
    smlad r7, r9, r8, r7
    sxtb16 lr, r10
    sxtb16 r10, r10, ror #8
    smlad r4, lr, r11, r4
    smlad r6, lr, r12, r6
    smlad r5, r10, r11, r5
    smlad r7, r10, r12, r7
    .endm

    .macro STEP_narrow
    ldrd r3, r8, [r0], #8
    ldrd r9, r10, [r1], #8
    sxtb16 r11, r3, ror #8
    sxtb16 r3, r3
    sxtb16 r12, r8, ror #8
    sxtb16 r8, r8
    MULTIPLY
    .endm

    .macro STEP_wide
    ldm.w r0!, {r3, r8, r11, r12}
    ldrd r9, r10, [r1], #8
    MULTIPLY
    .endm

/* The sum \x, doubled: its half is rounded as the reference does it; scale in r2, r3, r9. */
    .macro REQUANTIZE x
    lsl \x, \x, #1
    add lr, r9, \x, asr #31
    smmlar \x, \x, r2, lr
    asr \x, \x, r3
    ssat \x, #8, \x
    .endm

    .macro CLAMP x
    cmp \x, r10
    it lt
    movlt \x, r10
    cmp \x, r11
    it gt
    movgt \x, r11
    .endm

/* Sums \x and \y of the channel at r12, which moves on; r8 rounding. */
    .macro FINISH x, y
    ldr r2, [r12, #4]
    ldrsb r3, [r12, #8]
    mvn r9, r3
    lsl r9, r8, r9
    rsb r3, r3, #0
    REQUANTIZE \x
    REQUANTIZE \y
    .if clamped
    ldrd r11, lr, [sp, #FRAME_HIGHS]
    ldrsb r10, [r12, #9]
    add lr, lr, r11
    ldrsb r11, [r11]
    str lr, [sp, #FRAME_HIGHS]
    CLAMP \x
    CLAMP \y
    .endif
    add r12, r12, #10
    .endm

/* Of n steps the first turn of the loop makes those that are over: it is entered -n mod STEPS steps behind its start. */
    .macro PAIR name, form
    .section .text.\name, "ax", %progbits
    .balign 4
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    mov r12, r0
    ldm r12!, {r0, r2}
    ldm r12!, {r1, r3-r7}
    ldrd r8, r9, [r12]
    sub r10, r0, r2
    asr r10, r10, #STEP_SHIFT_\form
    and r10, r10, #STEPS - 1
    mov r11, #STEP_BYTES_\form
    mul r10, r10, r11
    adr.w r11, 2f
    add r10, r10, r11
    orr r10, r10, #1
    sub sp, sp, #FRAME_BYTES
    strd r0, r2, [sp, #FRAME_TAPS]
    strd r3, r4, [sp, #FRAME_CHANNELS]
    strd r5, r6, [sp, #FRAME_OUT]
    strd r7, r10, [sp, #FRAME_ROUNDING]
    strd r8, r9, [sp, #FRAME_HIGHS]
1:  ldr r12, [sp, #FRAME_CHANNELS]
    ldrd r0, r2, [sp, #FRAME_TAPS]
    ldr lr, [sp, #FRAME_ENTRY]
    ldr r4, [r12]
    ldr r5, [r12, #10]
    mov r6, r4
    mov r7, r5
    bx lr
    .balign 4
2:  .rept STEPS
    STEP_\form
    .endr
    cmp r0, r2
    bne 2b
    ldr r12, [sp, #FRAME_CHANNELS]
    ldr r8, [sp, #FRAME_ROUNDING]
    FINISH r4, r6
    FINISH r5, r7
    ldrd r0, r2, [sp, #FRAME_OUT]
    bfi r4, r5, #8, #8
    bfi r6, r7, #8, #8
    ldr r3, [sp, #FRAME_CHANNELS_END]
    strh r4, [r0], #2
    strh r6, [r2], #2
    str r12, [sp, #FRAME_CHANNELS]
    strd r0, r2, [sp, #FRAME_OUT]
    cmp r12, r3
    bne 1b
    add sp, sp, #FRAME_BYTES
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    .set clamped, 0
    PAIR td_pair_narrow, narrow
    PAIR td_pair_wide, wide
    .set clamped, 1
    PAIR td_pair_narrow_clamped, narrow
    PAIR td_pair_wide_clamped, wide

/* void td_pair_widen(to, from, end) */
    .section .text.td_pair_widen, "ax", %progbits
    .balign 4
    .global td_pair_widen
    .type td_pair_widen, %function
    .thumb_func
td_pair_widen:
    push {r4-r6, lr}
1:  ldrd r3, r4, [r1], #8
    sxtb16 r5, r3, ror #8
    sxtb16 r3, r3
    sxtb16 r6, r4, ror #8
    sxtb16 r4, r4
    stm r0!, {r3-r6}
    cmp r1, r2
    bne 1b
    pop {r4-r6, pc}
    .size td_pair_widen, . - td_pair_widen

#endif
