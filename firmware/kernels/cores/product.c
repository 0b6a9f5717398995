/* SPDX-License-Identifier: 0BSD */
/* MUL: td_product.h. Cores with the DSP extension run product.S. */
#include "td_product.h"

#if !TD_DSP

void td_multiply_fours(const td_product *product, const int8_t *x1, const int8_t *x2, int8_t *y, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        y[i] = td_product_element(product, x1[i], x2[i]);
}

#endif
