/* SPDX-License-Identifier: 0BSD */
/* Core loops of fully-connected layers: one vector times a matrix of packed weights, read once, straight from flash.
 *
 * A form says how products are made. Both forms spread the vector, of `depth` bytes, 4 | depth, into pairs of int16, two
 * words for every four elements; both read weights in groups of four, those of 4 units one behind the other:
 *
 *     weights[depth / 4][4 units][4]          then, of units beyond the last 4: weights[unit][depth]
 *
 * and then constants[unit] {addend, multiplier}. A unit's output is
 *
 *     scaled = sum * form's factor + addend                                    modulo 2^32
 *     y = clamp(floor((scaled * multiplier + offset * 2^32) / 2^(32 + shift)), -128, 127)
 *
 * where sum / 2^scale * factor = sum of weight * x. A vector may be taken in pieces, one after the other, which leave
 * their sums in memory. The generator chooses addends, multipliers, offset and shift so that y equals the
 * reference's output for every sum that can occur, and proves it (tinydeploy/plan/linear_rounding.py); it also sees to
 * it that floor((scaled * multiplier) / 2^32) + offset fits in an int32. */
#ifndef TD_DENSE_H
#define TD_DENSE_H

#include "td_core.h"

#ifndef __ASSEMBLER__

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    /* Spreads the bytes [x, end) to depth / 2 words at `pairs`. The bytes may lie in the second half of that place. */
    void (*spread)(const int8_t *x, const int8_t *end, int32_t *pairs);
    /* Adds the products of the spread elements to [sums, sums_end), one for each unit, a multiple of 4 and not 0;
     * pairs_end - pairs = elements / 2. From the groups of four units to those of the next four, `skip` bytes are left
     * out: 4 for each element that is not spread. */
    void (*add)(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights, int32_t skip, int32_t *sums,
                int32_t *sums_end);
    /* What it adds for one unit whose weights lie one behind the other. */
    int32_t (*add_one)(const int32_t *pairs, const int32_t *pairs_end, const int8_t *weights);
    int32_t factor;
} td_dense_form;

/* Scale 8, factor 1, three multiplications' worth of instructions for four weights: for a weight b behind a weight a, a at an even
 * place, the packed bytes are those of the int16 256 * b + a. Weights must be at least -127. For elements p, q of x the
 * spread pairs hold q and 256 * p - q + 127:
 *
 *     (256 * b + a) * q + a * (256 * p - q + 127) = 256 * (a * p + b * q) + 127 * a
 *
 * The addend takes off 127 * the sum of all a. */
extern const td_dense_form td_dense_joint;

/* Scale 4, factor 16: weights as they are, for those of -128 and for sums beyond 2^23. The pairs hold q and p. */
extern const td_dense_form td_dense_single;

/* The outputs [y, y_end), an even number and not 0, from their sums and constants. */
void td_dense_round(const int32_t *sums, const int32_t *constants, int8_t *y, int8_t *y_end, int32_t factor,
                    int32_t offset, int32_t shift);

/* One output. */
static inline int8_t td_dense_round_one(int32_t sum, const int32_t *constants, int32_t factor, int32_t offset,
                                        int32_t shift)
{
    const int32_t scaled = (int32_t)((uint32_t)sum * (uint32_t)factor + (uint32_t)constants[0]);
    const int32_t value = ((int32_t)(((int64_t)scaled * constants[1]) >> 32) + offset) >> shift;
    return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

#ifdef __cplusplus
}
#endif

#endif

#endif
