/* SPDX-License-Identifier: 0BSD */
/* Kernels that make truth values or choose by them. What td_kernels.h says of all kernels holds here, too. */
#ifndef TD_TRUTH_H
#define TD_TRUTH_H

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Truth values, bytes of 0 or 1, of scaled in1 and in2, as those of td_add. In place. */
typedef struct {
    int32_t left_shift;
    int32_t input1_offset;
    int32_t input1_multiplier;
    int32_t input1_shift;
    int32_t input2_offset;
    int32_t input2_multiplier;
    int32_t input2_shift;
    int8_t smaller; /* the result where in1 is the smaller */
    int8_t equal;
    int8_t larger;
} td_compare;

void td_compare_s8(const td_compare *op, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                   int32_t first, int32_t last);

/* 1 - in, of truth values. In place. */
void td_logical_not_s8(const td_tensor *in, const td_tensor *out, int32_t first, int32_t last);

/* in1 where the condition, of truth values, is 1, else in2. In place. */
void td_select_s8(const td_tensor *condition, const td_tensor *in1, const td_tensor *in2, const td_tensor *out,
                  int32_t first, int32_t last);

#ifdef __cplusplus
}
#endif

#endif
