/* SPDX-License-Identifier: 0BSD */
/* Fully-connected layer of int16 activations: two units at a time. */
#include "td_kernels.h"
#include "td_wide_dot.h"

/* acc * scale, rounded to a double as the reference does it, then to the nearest integer, halves away from zero.
 *
 * As td_scale_rounding, for |acc| < 2^47 and a scale below 1, whose shift is then at least 32. The product P of the
 * magnitude and S is below 2^111, held as high * 2^64 + low; the result is P / 2^(64 + t), t = shift - 32. P has at least 64
 * bits where acc is not 0, of which 53 are left by the rounding to a double: half a unit in the last place is 2^(bits - 54),
 * in `low`. high < 2^47, so no sum with it overflows. */
static int64_t scale_rounding(int64_t acc, td_scale scale)
{
    if (acc == 0 || scale.high == 0)
        return 0;
    const uint32_t t = (scale.fraction & 63U) - 32U;
    const uint64_t fraction = scale.fraction & ~63U;
    const uint64_t m = acc < 0 ? (uint64_t)-acc : (uint64_t)acc;
    const uint64_t m0 = m & UINT32_MAX, m1 = m >> 32;

    const uint64_t lowest = m0 * fraction;
    const uint64_t middle = m0 * scale.high + (lowest >> 32); /* at most (2^32 - 1) * 2^32 */
    const uint64_t sum = middle + m1 * fraction;
    uint64_t high = m1 * scale.high + (sum >> 32) + ((uint64_t)(sum < middle) << 32);
    const uint64_t low = (sum << 32) | (lowest & UINT32_MAX);

    const uint32_t zeros = high >> 32 ? (uint32_t)td_leading_zeros((uint32_t)(high >> 32))
                           : high     ? 32U + (uint32_t)td_leading_zeros((uint32_t)high)
                                      : 64U;
    uint64_t rounded = low + ((uint64_t)1 << (74U - zeros)); /* bits - 54, of 128 - zeros bits */
    high += rounded < low;
    if (t == 0) {
        const uint64_t before = rounded;
        rounded += (uint64_t)1 << 63;
        high += rounded < before;
    } else {
        high += (uint64_t)1 << (t - 1);
    }
    const int64_t value = (int64_t)(high >> t);
    return acc < 0 ? -value : value;
}

static int16_t finish_unit(const td_fully_connected_wide *op, int32_t unit, int64_t sum)
{
    const int64_t value = scale_rounding(sum + op->bias[unit], op->scales[op->per_channel ? unit : 0]);
    return (int16_t)(value < op->low ? op->low : value > op->high ? op->high : value);
}

/* The sums of products of unit `unit` and, if `next` is not 0, the one behind it with the vector that begins at element
 * `begin` of the input. */
static void sum_units(const td_fully_connected_wide *op, const td_tensor *in, int32_t begin, int32_t unit, int32_t next,
                      int64_t sums[2])
{
    const int32_t row_size = in->width * in->channels;
    const int8_t *weights = op->weights + unit * op->depth;
    sums[0] = sums[1] = 0;
    for (int32_t k = 0; k < op->depth; k += op->piece) {
        const int32_t row = (begin + k) / row_size;
        const int16_t *x = td_wide_row(in, row) + (begin + k - row * row_size);
        td_wide_dot_2(x, weights + k, next * op->depth, op->piece, 0, op->piece, sums);
    }
}

void td_fully_connected_s16(const td_fully_connected_wide *op, const td_tensor *in, const td_tensor *out, int32_t first,
                            int32_t last)
{
    const int32_t vectors_per_row = out->width * out->channels / op->units;

    for (int32_t h = first; h < last; h++) {
        int16_t *y = td_wide_row(out, h);
        for (int32_t i = 0; i < vectors_per_row; i++, y += op->units)
            for (int32_t unit = 0; unit < op->units; unit += 2) {
                const int32_t next = unit + 1 < op->units;
                int64_t sums[2];
                sum_units(op, in, (h * vectors_per_row + i) * op->depth, unit, next, sums);
                y[unit] = finish_unit(op, unit, sums[0]);
                if (next)
                    y[unit + 1] = finish_unit(op, unit + 1, sums[1]);
            }
    }
}
