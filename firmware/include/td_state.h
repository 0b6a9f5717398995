/* SPDX-License-Identifier: 0BSD */
/* Kernels that keep something from one inference to the next. What td_kernels.h says of all kernels holds here, too. Each
 * has a `state` of its own, aligned to 4 bytes: zeros at first, then nobody else's. */
#ifndef TD_STATE_H
#define TD_STATE_H

#include "td_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A dense layer over the last steps of a stream: every filter's product with the input of now and of the `memory` - 1
 * calls before, weighted by `time` and added up by unit. One row, so one call for each inference, and `out` may not lie
 * where `in` does. `state` has filters * memory elements of int16. depth <= 65536. Sums over time wrap. */
typedef struct {
    const int8_t *weights; /* [filters][depth] */
    const int16_t *time;   /* [filters][memory] */
    const int32_t *bias;   /* [filters / rank] */
    int32_t filters;
    int32_t depth;
    int32_t memory;
    int32_t rank;
    int32_t input_offset;
    int32_t output_offset;
    int32_t state_multiplier; /* from sums to the state */
    int32_t state_shift;
    int32_t output_multiplier; /* from sums over time to the output */
    int32_t output_shift;
} td_svdf;

void td_svdf_s8(const td_svdf *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last, void *state);

/* A multiplier of td_requantize. */
typedef struct {
    int32_t multiplier;
    int32_t shift;
} td_lstm_scale;

/* A long short-term memory: `in` are `steps` vectors of `depth` elements, `out` as many of `units`. Gates are those of the
 * input, forget, cell and output. The state are int16 [units] cells, and int16 [units] outputs of the last step less their
 * zero point. A call for any piece makes all of `out`. depth and units <= 2^15, |biases| < 2^30. */
typedef struct {
    const int8_t *weights;       /* [4][units][depth] */
    const int8_t *state_weights; /* [4][units][units] */
    const int32_t *biases;       /* [4][units] */
    td_lstm_scale scales[8];     /* of sums over the input for each gate, and over the last output: to Q3.12 */
    td_lstm_scale hidden;        /* of products in Q0.30, to the output */
    int32_t steps;
    int32_t depth;
    int32_t units;
    int32_t input_offset;
    int32_t output_offset;
    int32_t state_zero_point;
    int32_t cell_log2; /* of the scale of cells, -15 to -9 */
    int32_t cell_clip; /* cells stay within this of 0; 0 for no limit */
} td_lstm;

void td_lstm_s8(const td_lstm *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last, void *state);

/* A variable, which keeps its bytes in `state` from one inference to the next: as differences from its initial values,
 * modulo 256, so that a state of zeros is the first one. An assignment takes all rows of `in`, whatever piece it is
 * called for, and makes `out`, one byte that means nothing. */
typedef struct {
    const int8_t *initial; /* of all bytes, or NULL */
    int8_t fill;           /* the initial value of every byte where `initial` is NULL */
    int32_t row_bytes;
} td_variable;

void td_read_variable_s8(const td_variable *op, const td_tensor *out, int32_t first, int32_t last, const void *state);
void td_assign_variable_s8(const td_variable *op, const td_tensor *in, const td_tensor *out, int32_t first,
                           int32_t last, void *state);

#ifdef __cplusplus
}
#endif

#endif
