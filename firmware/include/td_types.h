/* SPDX-License-Identifier: 0BSD */
/* The types that kernels and generated models share.
 *
 * A kernel makes the rows [first, last) of its output tensor from the rows of its inputs that they need. It finds
 * rows through td_row() only, so that the plan may put them anywhere. h and w, never y and x, h first. */
#ifndef TD_TYPES_H
#define TD_TYPES_H

#include <stdint.h>

/* Attributes in the spelling that gcc, clang, armclang, armcc and IAR share; other compilers do without. */
#if defined(__GNUC__) || defined(__clang__) || defined(__ICCARM__) || defined(__ARMCC_VERSION)
#define TD_ATTRIBUTE(list) __attribute__(list)
#define TD_ALIGNED(bytes) __attribute__((aligned(bytes)))
#else
#define TD_ATTRIBUTE(list)
#endif

/* What no compiler can do without: the alignment of arrays that are read in words. */
#ifndef TD_ALIGNED
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define TD_ALIGNED(bytes) _Alignas(bytes)
#else
#error "Define TD_ALIGNED(bytes) as what aligns a variable in this compiler's language, or compile as C11."
#endif
#endif

/* Kernels shift and multiply in int: a compiler whose int has 16 bits stops here. */
typedef char td_int_has_32_bits[sizeof(int) >= sizeof(int32_t) ? 1 : -1];

/* For inner loops that need all registers: not inlined, they get them. */
#define TD_NOINLINE TD_ATTRIBUTE((noinline))

/* For structs of many constants: no gaps. Cores and hosts read their words from any even address. */
#define TD_PACKED TD_ATTRIBUTE((packed, aligned(2)))

#ifdef __cplusplus
extern "C" {
#endif

/* An int8 activation tensor of one image, rows of NHWC. A tensor of three dimensions, the first being 1, is one row of
 * pixels, any other is a single pixel. A row is `width * channels` bytes; rows do not overlap. */
typedef struct {
    int8_t *base;          /* where the rows lie; row y begins at base + y * pitch ... */
    const uint16_t *table; /* ... or, if not NULL, at base + 4 * table[y] */
    int32_t pitch;         /* bytes from one row to the next; 0 where all rows share one place, one after the other */
    int32_t height;
    int32_t width;
    int32_t channels;
} td_tensor;

/* Requantization of one output channel, 10 bytes, as there are thousands of them.
 * real multiplier = multiplier * 2^(shift - 31), multiplier in [2^30, 2^31) or 0, shift in [-31, 30]. */
typedef struct TD_PACKED {
    int32_t bias;
    int32_t multiplier;
    int8_t shift; /* > 0: left */
    int8_t low;   /* lower bound of the output, after adding the zero point: activation and clamp in one */
} td_channel;

/* Upper bounds of the output channels: that of channel c is bounds[c * step], with a step of 0 where all have one. */
typedef struct {
    const int8_t *bounds;
    int32_t step;
} td_highs;

static inline int8_t *td_row(const td_tensor *tensor, int32_t y)
{
    return tensor->table ? tensor->base + 4 * (int32_t)tensor->table[y] : tensor->base + y * tensor->pitch;
}

#ifdef __cplusplus
}
#endif

#endif
