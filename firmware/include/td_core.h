/* SPDX-License-Identifier: 0BSD */
/* Which of the two forms of a core loop is compiled: assembly or its twin in C. For C and for assembly. */
#ifndef TD_CORE_H
#define TD_CORE_H

/* Cortex-M cores with the DSP extension (M4, M7, M33 and up) run the assembly of firmware/kernels/cores/, which is written
 * for gcc, clang and armclang; everything else, the host above all, runs the C beside it, which has the same contract and
 * gives the same bytes. With TD_PORTABLE defined, for C and assembly alike, everything does. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && \
    !defined(__ARM_BIG_ENDIAN) && defined(__GNUC__) && !defined(__ICCARM__) && !defined(TD_PORTABLE)
#define TD_DSP 1
#else
#define TD_DSP 0
#endif

/* Files of assembly that are empty must say so on Linux, too: no executable stack. */
#if defined(__ASSEMBLER__) && defined(__linux__)
    .section .note.GNU-stack, "", %progbits
#endif

#endif
