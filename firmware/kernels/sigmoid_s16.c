/* SPDX-License-Identifier: 0BSD */
/* The logistic function and the hyperbolic tangent of int16: steps of a table, and lines between them. */
#include "td_kernels.h"

/* logistic(i / 24) in 1/65536, each moved by half of what a line to the next is off in its middle; the last is 1. */
static const uint16_t table[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794, 41432, 42064, 42688,
    43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409,
    51865, 52311, 52745, 53169, 53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433,
    57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110,
    61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990, 63090, 63186,
    63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308,
    64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900,
    64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208,
    65221, 65234, 65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367,
    65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433, 65438, 65442, 65445, 65449,
    65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491,
    65493, 65495, 65497, 65498, 65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513,
    65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
    65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530,
    65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533,
    65533, 65533, 65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
};

/* `index` counts in steps of the table and `bits` bits behind the point: the value in 1/65536 and as many bits. */
static int32_t interpolate(int32_t index, int32_t bits)
{
    const int32_t step = index >> bits;
    const int32_t rest = index & ((1 << bits) - 1);
    return (int32_t)((uint32_t)table[step] << (uint32_t)bits) + rest * (table[step + 1] - table[step]);
}

/* logistic(x / 12288) in 1/32768. */
static int16_t logistic(int32_t x)
{
    const int32_t magnitude = x < 0 ? -x : x;
    int32_t result = 0x7fff << 10;
    if (magnitude >> 9 < 255)
        result = interpolate(magnitude, 9);
    result = x >= 0 ? result + (1 << 9) : (1 << 25) - result + (1 << 9) - 1;
    return (int16_t)(result >> 10);
}

/* tanh(x / 12288) = 2 * logistic(2 * x / 12288) - 1, in 1/32768. */
static int16_t tangent(int32_t x)
{
    const int32_t magnitude = x < 0 ? -x : x;
    int32_t result = 0xffff << 8;
    if (magnitude >> 8 < 255)
        result = interpolate(magnitude, 8);
    result = x >= 0 ? result - (1 << 23) + (1 << 7) : -result + (1 << 23) + (1 << 7) - 1;
    return (int16_t)(result >> 8);
}

void td_sigmoid_s16(const td_sigmoid_wide *op, const td_tensor *in, const td_tensor *out, int32_t first, int32_t last)
{
    const int32_t n = in->width * in->channels;
    const int32_t half = op->shift > 0 ? (int32_t)(1U << (uint32_t)(op->shift - 1)) : 0;

    for (int32_t h = first; h < last; h++) {
        const int16_t *x = td_wide_row(in, h);
        int16_t *y = td_wide_row(out, h);
        for (int32_t i = 0; i < n; i++) {
            const int32_t scaled = (x[i] * op->multiplier + half) >> op->shift;
            y[i] = op->tangent ? tangent(scaled) : logistic(scaled);
        }
    }
}
