/* SPDX-License-Identifier: 0BSD */
/* Fixed-point arithmetic of the TFLite reference kernels: every rounding of this runtime is defined here.
 *
 * Besides C99, two things are assumed that hold for every compiler in question: >> of a negative number is
 * arithmetic, and conversion to int32_t keeps the low 32 bits. Nothing here is undefined for any argument within the
 * stated ranges. docs/numerics.md says which op uses which rounding. */
#ifndef TD_FIXED_H
#define TD_FIXED_H

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* a + b modulo 2^32: where the reference overflows, it wraps. */
static inline int32_t td_add_wrapping(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int32_t td_clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* a * b / 2^31 to the nearest integer, halves up: the product of two numbers in Q0.31. Not both may be -2^31.
 * |a * b| <= (2^31 - 1) * 2^31: neither the product nor the sum overflows, and the result is above -2^31. */
static inline int32_t td_multiply_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* value / 2^n to the nearest integer, halves away from zero, for n in [1, 31] and value > -2^31.
 * floor(v / 2^n) plus the next bit of v is floor((v + 2^(n-1)) / 2^n): halves go up. For a negative value, v is value
 * less 1, which changes that floor only where value + 2^(n-1) is a multiple of 2^n: at halves, and they go down. */
static inline int32_t td_shift_right_rounding(int32_t value, int32_t n)
{
    const int32_t v = value + (value >> 31);
    return (v >> n) + ((v >> (n - 1)) & 1);
}

/* acc * multiplier * 2^(shift - 31), rounded twice as the reference does it: to the nearest (halves up) after the
 * multiplication, to the nearest (halves away from zero) after the shift to the right.
 * multiplier in [0, 2^31), shift in [-31, 30]. A shift to the left drops the high bits, as it does in the reference. */
static inline int32_t td_requantize(int32_t acc, int32_t multiplier, int32_t shift)
{
    if (shift >= 0)
        return td_multiply_high((int32_t)((uint32_t)acc << (uint32_t)shift), multiplier);
    return td_shift_right_rounding(td_multiply_high(acc, multiplier), -shift);
}

/* Output of one channel from its sum of products: bias, requantization, zero point and bounds, `high` the upper one. */
static inline int8_t td_finish_channel(int32_t sum, const td_channel *channel, int32_t high, int32_t output_offset)
{
    const int32_t acc = td_add_wrapping(sum, channel->bias);
    const int32_t value = td_requantize(acc, channel->multiplier, channel->shift);
    return (int8_t)td_clamp(td_add_wrapping(value, output_offset), channel->low, high);
}

/* Number of leading zero bits of a value other than 0. */
static inline int32_t td_leading_zeros(uint32_t value)
{
#ifdef __GNUC__
    return __builtin_clz(value);
#else
    int32_t zeros = 0;
    for (; !(value & 0x80000000U); value <<= 1)
        zeros++;
    return zeros;
#endif
}

/* A multiplier in double precision, in 8 bytes: S * 2^-(32 + shift), where S = high * 2^32 + low is in [2^63, 2^64)
 * (or 0) with 53 significant bits, low = fraction & ~63, shift = fraction & 63. */
typedef struct {
    uint32_t high;
    uint32_t fraction;
} td_scale;

/* acc * scale, rounded to a double as the reference does it, then to the nearest integer, halves away from zero;
 * saturated to [-512, 512].
 *
 * All of it is done on the magnitude, m <= 2^31. The product m * S < 2^95 is held exactly, as high * 2^32 + rest. With
 * 2^(bits-1) <= m < 2^bits it has bits + 63 + top bits, top in {0, 1}, and rounding to the 53 bits of a double reaches
 * the halves between integers, which are doubles with even significands, from half a unit in the last place below
 * them: 2^(bits + 9 + top). So that is added before the comparison with a half. No sum overflows: high < 2^63, and
 * what is added to it is at most 2^10 + 1 and 2^62. */
static inline int32_t td_scale_rounding(int32_t acc, td_scale scale)
{
    const uint32_t shift = scale.fraction & 63U;
    const uint32_t magnitude = acc < 0 ? 0U - (uint32_t)acc : (uint32_t)acc;
    const uint64_t low = (uint64_t)magnitude * (scale.fraction & ~63U);
    const uint64_t high = (uint64_t)magnitude * scale.high + (low >> 32);
    const uint32_t bits = 32U - (uint32_t)td_leading_zeros(magnitude | 1U);
    const uint32_t top = (uint32_t)(high >> (bits + 31U)) & 1U;
    const uint64_t rest = (low & UINT32_MAX) + ((uint64_t)1 << (bits + 9U + top));
    const uint64_t half = ((uint64_t)1 << shift) >> 1;
    const uint64_t rounded = (high + (rest >> 32) + half) >> shift;
    const int32_t value = rounded < 512 ? (int32_t)rounded : 512;
    return acc < 0 ? -value : value;
}

#ifdef __cplusplus
}
#endif

#endif
