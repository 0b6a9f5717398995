/* SPDX-License-Identifier: 0BSD */
/* Core loops of matrix products in C; td_gemm.h states the contract. */
#include "td_gemm.h"

#include "td_core.h"

#if !TD_DSP

/* The halves of a word as they lie in memory on a little-endian core, for any byte order. */
static uint32_t pack(int32_t low, int32_t high)
{
    return (uint32_t)(low & 0xFFFF) | (uint32_t)high << 16;
}

/* sum + the products of both halves, modulo 2^32. */
static uint32_t multiply_pair(uint32_t a, uint32_t b, uint32_t sum)
{
    const int32_t low = (int16_t)a * (int16_t)b;
    const int32_t high = (int16_t)(a >> 16) * (int16_t)(b >> 16);
    return sum + (uint32_t)low + (uint32_t)high;
}

static void multiply(const td_gemm_block *block, const uint32_t *pixels, int32_t channels, int32_t sums[2][4])
{
    uint32_t total[2][4];
    const uint32_t *const end = block->weights_end;
    for (int32_t c = 0; c < channels; c++)
        total[0][c] = total[1][c] = (uint32_t)block->bias[c];
    for (const uint32_t *w = block->weights; w < end; w += channels, pixels += 2)
        for (int32_t c = 0; c < channels; c++)
            for (int32_t p = 0; p < 2; p++)
                total[p][c] = multiply_pair(w[c], pixels[p], total[p][c]);
    for (int32_t c = 0; c < channels; c++)
        for (int32_t p = 0; p < 2; p++)
            sums[p][c] = (int32_t)total[p][c];
}

/* A pair of pixels has as many words as weights of two channels. */
static const uint32_t *next_pair(const td_gemm_block *block, const uint32_t *pixels, int32_t channels)
{
    return pixels + 2 * ((const uint32_t *)block->weights_end - (const uint32_t *)block->weights) / channels;
}

static int32_t requantize(int32_t sum, const td_gemm_scale *scale)
{
    const int32_t high = (int32_t)(((int64_t)sum * scale->multiplier + ((int64_t)1 << 31)) >> 32);
    return (high + scale->addend - (sum < 0)) >> scale->shift;
}

static int8_t finish(const td_gemm_block *block, int32_t sum, int32_t c, int clamped)
{
    int32_t value = requantize(sum, &block->scales[c]);
    if (!clamped)
        return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
    value = (value < 0 ? 0 : value > 255 ? 255 : value) + (int32_t)(block->lift >> (8 * c) & 255U);
    value = (value > 255 ? 255 : value) + (int32_t)(block->drop >> (8 * c) & 255U);
    return (int8_t)(uint8_t)value;
}

static void multiply_block(const td_gemm_block *block, int32_t channels, int clamped)
{
    const uint32_t *pixels = block->pixels;
    for (int8_t *out = block->out; out != block->out_end; out += 2 * block->pitch) {
        int32_t sums[2][4];
        multiply(block, pixels, channels, sums);
        pixels = next_pair(block, pixels, channels);
        for (int32_t p = 0; p < 2; p++)
            for (int32_t c = 0; c < channels; c++)
                out[p * block->pitch + c] = finish(block, sums[p][c], c, clamped);
    }
}

void td_gemm_square(const td_gemm_block *block)
{
    multiply_block(block, 2, 0);
}

void td_gemm_square_clamped(const td_gemm_block *block)
{
    multiply_block(block, 2, 1);
}

static void multiply_direct(const td_gemm_block *block, int clamped)
{
    const uint32_t *pixels = block->pixels;
    const int8_t *const end = block->weights_end;
    for (int8_t *out = block->out; out != block->out_end; out += 4 * block->pitch) {
        uint32_t total[4][2];
        for (int32_t p = 0; p < 4; p++)
            for (int32_t c = 0; c < 2; c++)
                total[p][c] = (uint32_t)block->bias[c];
        for (const int8_t *w = block->weights; w < end; w += 4, pixels += 4)
            for (int32_t p = 0; p < 4; p++)
                for (int32_t c = 0; c < 2; c++)
                    total[p][c] = multiply_pair(pack(w[c], w[c + 2]), pixels[p], total[p][c]);
        for (int32_t p = 0; p < 4; p++)
            for (int32_t c = 0; c < 2; c++)
                out[p * block->pitch + c] = finish(block, (int32_t)total[p][c], c, clamped);
    }
}

void td_gemm_direct(const td_gemm_block *block)
{
    multiply_direct(block, 0);
}

void td_gemm_direct_clamped(const td_gemm_block *block)
{
    multiply_direct(block, 1);
}

void td_gemm_paired(const td_gemm_block *block)
{
    multiply_block(block, 4, 0);
}

void td_gemm_single(const td_gemm_block *block)
{
    multiply_block(block, 4, 0);
}

void td_gemm_paired_clamped(const td_gemm_block *block)
{
    multiply_block(block, 4, 1);
}

void td_gemm_single_clamped(const td_gemm_block *block)
{
    multiply_block(block, 4, 1);
}

void td_gemm_paired_sums(const td_gemm_block *block)
{
    const uint32_t *pixels = block->pixels;
    int32_t(*sums)[4] = (void *)block->out;
    for (; (void *)sums != block->out_end; sums += 2) {
        multiply(block, pixels, 4, sums);
        pixels = next_pair(block, pixels, 4);
    }
}

#else
typedef int td_assembly_is_used; /* a translation unit is never empty */
#endif
