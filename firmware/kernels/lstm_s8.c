/* SPDX-License-Identifier: 0BSD */
/* A long short-term memory over the steps of a sequence; its functions are gemmlowp's, in 16 bits. */
#include "td_kernels.h"

enum { ONE = INT16_MAX }; /* in Q0.15 */

/* a * b / 2^15 to the nearest integer, halves up; saturated where both are -2^15. */
static int32_t multiply_q15(int32_t a, int32_t b)
{
    const int32_t product = (a * b + (1 << 14)) >> 15;
    return product > INT16_MAX ? INT16_MAX : product;
}

/* exp(a) in Q0.15, for a in [-1/4, 0) in Q0.15: a series around -1/8. */
static int32_t exp_of_last_quarter(int32_t a)
{
    const int32_t x = a + (1 << 12);
    const int32_t x2 = multiply_q15(x, x);
    const int32_t x3 = multiply_q15(x2, x);
    const int32_t x4 = multiply_q15(x2, x2);
    const int32_t sixth = multiply_q15(td_shift_right_rounding(x4, 2) + x3, 10923) + x2; /* 1/3 */
    const int32_t sum = 28918 + multiply_q15(28918, x + td_shift_right_rounding(sixth, 1)); /* exp(-1/8) */
    return sum > INT16_MAX ? INT16_MAX : sum;
}

/* exp(a) in Q0.15, for a <= 0 with `bits` before the point, at most 7. */
static int32_t exp_of_negative(int32_t a, int32_t bits)
{
    static const int16_t powers[7] = { 25520, 19875, 12055, 4435, 600, 11, 0 }; /* exp(-2^k), k = -2 ... 4 */
    const int32_t fraction = 15 - bits;
    const int32_t quarter = 1 << (fraction - 2);
    const int32_t last = (a & (quarter - 1)) - quarter;
    const int32_t rest = last - a;
    int32_t result = exp_of_last_quarter(last * (1 << bits));

    if (a == 0)
        return ONE;
    for (int32_t k = 0; k < 7 && k - 2 < bits; k++) {
        if (rest >> (fraction - 2 + k) & 1)
            result = multiply_q15(result, powers[k]);
    }
    return bits > 5 && a < -(1 << (fraction + 5)) ? 0 : result;
}

/* 1 / (1 + a) in Q2.13, halved, for a in [0, 1] in Q0.15: three steps of Newton's method. */
static int32_t half_reciprocal(int32_t a)
{
    const int32_t d = (a + ONE + 1) / 2;
    int32_t x = 23130 + multiply_q15(d, -15420); /* 48/17 and -32/17 */
    for (int32_t i = 0; i < 3; i++)
        x += 4 * multiply_q15(x, (1 << 13) - multiply_q15(d, x));
    return x;
}

/* logistic(a) in Q0.15, a in Q3.12. */
static int32_t logistic(int32_t a)
{
    const int32_t negative = a < 0 ? a : -a;
    const int32_t result = td_clamp(half_reciprocal(exp_of_negative(negative, 3)) * 2, INT16_MIN, INT16_MAX);
    if (a == 0)
        return 1 << 14;
    return a > 0 ? result : ONE - result;
}

/* tanh(a) in Q0.15, a with `bits` before the point. */
static int32_t tangent(int32_t a, int32_t bits)
{
    const int32_t negative = a < 0 ? a : -a;
    const int32_t x = half_reciprocal(exp_of_negative(negative, bits + 1)) - (1 << 13);
    const int32_t result = td_clamp(x * 4, INT16_MIN, INT16_MAX);
    if (a == 0)
        return 0;
    return a < 0 ? -result : result;
}

/* Gate `g` of a unit, in Q3.12. */
static int32_t gate(const td_lstm *op, int32_t g, int32_t unit, const int8_t *x, const int16_t *kept)
{
    const int32_t row = g * op->units + unit;
    const int8_t *weights = op->weights + row * op->depth;
    const int8_t *state_weights = op->state_weights + row * op->units;
    int32_t input = op->biases[row];
    int32_t state = 0;

    for (int32_t i = 0; i < op->depth; i++)
        input += weights[i] * (x[i] + op->input_offset);
    for (int32_t i = 0; i < op->units; i++)
        state += state_weights[i] * kept[i];
    input = td_requantize(input, op->scales[g].multiplier, op->scales[g].shift);
    state = td_requantize(state, op->scales[4 + g].multiplier, op->scales[4 + g].shift);
    return td_clamp(td_add_wrapping(td_clamp(input, INT16_MIN, INT16_MAX), state), INT16_MIN, INT16_MAX);
}

/* One step of one unit: changes its cell. */
static int8_t advance(const td_lstm *op, int32_t unit, const int8_t *x, const int16_t *kept, int16_t *cell)
{
    const int32_t write = logistic(gate(op, 0, unit, x, kept));
    const int32_t keep = logistic(gate(op, 1, unit, x, kept));
    const int32_t news = tangent(gate(op, 2, unit, x, kept), 3);
    const int32_t show = logistic(gate(op, 3, unit, x, kept));
    const int32_t old = td_shift_right_rounding(keep * *cell, 15);
    const int32_t added = td_shift_right_rounding(write * news, 30 + op->cell_log2);
    const int32_t low = op->cell_clip > 0 ? -op->cell_clip : INT16_MIN;
    const int32_t high = op->cell_clip > 0 ? op->cell_clip : INT16_MAX;

    *cell = (int16_t)td_clamp(td_clamp(old + added, INT16_MIN, INT16_MAX), low, high);
    const int32_t product = show * tangent(*cell, 15 + op->cell_log2);
    const int32_t value = td_requantize(product, op->hidden.multiplier, op->hidden.shift);
    return (int8_t)td_clamp(td_add_wrapping(value, op->output_offset), INT8_MIN, INT8_MAX);
}

void td_lstm_s8(const td_lstm *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last, void *state)
{
    if (first >= last)
        return;
    int16_t *cells = state;
    int16_t *kept = cells + op->units; /* the last outputs, less their zero point */
    const int8_t *x = td_row(in, 0);
    int8_t *y = td_row(out, 0);

    for (int32_t step = 0; step < op->steps; step++, x += op->depth, y += op->units) {
        for (int32_t unit = 0; unit < op->units; unit++)
            y[unit] = advance(op, unit, x, kept, &cells[unit]);
        for (int32_t unit = 0; unit < op->units; unit++)
            kept[unit] = (int16_t)(y[unit] - op->state_zero_point);
    }
}
