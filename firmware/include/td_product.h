/* SPDX-License-Identifier: 0BSD */
/* Core loop of MUL: element by element
 *
 *     product = (x1 + offset1) * (x2 + offset2)
 *     high = product * multiplier / 2^31 to the nearest integer, halves up
 *     y = clamp(floor((high + addend - (product < 0 ? 1 : 0)) / 2^shift), -128, 127)
 *
 * With addend = 2^(shift - 1) + zero point * 2^shift this is the reference's output: `high` / 2^shift to the nearest
 * integer, halves away from zero, plus the zero point. `high` < 0 only if product < 0; and where product < 0 but `high`
 * is 0, floor((2^(shift - 1) - 1) / 2^shift) is 0 as well. */
#ifndef TD_PRODUCT_H
#define TD_PRODUCT_H

#include "td_core.h"

#ifndef __ASSEMBLER__

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t offset1; /* in [-127, 128] */
    int32_t offset2;
    int32_t multiplier; /* >= 0 */
    int32_t addend;     /* below 2^30 in magnitude */
    int32_t shift;      /* to the right, 1 to 22 */
} td_product;

/* `count` elements, a multiple of 4 and not 0. `y` may be x1 or x2. */
void td_multiply_fours(const td_product *product, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count);

/* One element. The product and `high` are below 2^16 in magnitude. */
static inline int8_t td_product_element(const td_product *product, int32_t x1, int32_t x2)
{
    const int32_t twice = 2 * (x1 + product->offset1) * (x2 + product->offset2);
    const int32_t high = (int32_t)(((int64_t)twice * product->multiplier + 0x80000000LL) >> 32);
    const int32_t value = (high + product->addend + (twice >> 31)) >> product->shift;
    return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

#ifdef __cplusplus
}
#endif

#endif

#endif
