/* SPDX-License-Identifier: 0BSD */
/* Bilinear resizing with half-pixel centres, in 1/256 pixels. */
#include "npu_image.h"

#include "td_core.h"
#include "td_types.h"

#if TD_DSP
#include <arm_acle.h>
#endif

/* What the bits of a pixel give by themselves: shares of the luminance, or the net's values of a colour. */
typedef struct {
    uint16_t red[32], green[64], blue[32];
} shares;

static const npu_image_settings *s; /* of npu_image_open */
static shares of;

/* Columns of the net's input that lie between two of the part: [first, end), and their places in 2^-40 pixels. */
static struct {
    uint32_t first, end;
    uint64_t step, start;
} inside;

/* A position between two pixels of the part: the first one, the second one, and 256 times the share of that. */
typedef struct {
    uint32_t first, second, share;
} between;

/* The place of output pixel `at` of `count` in a part of `size` pixels: ((at + 1/2) * size / count - 1/2) * 256, held
 * within the part. 2 * 1024 * 1024 * 128 < 2^31. */
static between place(uint32_t at, uint32_t count, uint32_t size)
{
    int32_t position = (int32_t)((2u * at + 1u) * size * 128u / count) - 128;
    int32_t last = (int32_t)((size - 1u) * 256u);
    uint32_t held = (uint32_t)(position < 0 ? 0 : position > last ? last : position);
    between found = {held >> 8, (held >> 8) + 1u, held & 255u};
    if (found.second == size) {
        found.second = found.first;
    }
    return found;
}

/* (2 * x + 1) * size * 128 / count, rounded down, is the high word of (step + 1) / 2 + x * step: that is less than
 * 1026 * 2^-32 too much, and the next whole number at least 2^-10 away. */
static void place_columns(void)
{
    uint32_t size = s->crop_w, count = s->w;
    uint32_t quarter = (size * 256u % count) << 16; /* long division by 16 bits a time: both below 2^26 */
    uint32_t more = ((quarter % count << 16) + count - 1u) / count;
    inside.step = ((uint64_t)(size * 256u / count) << 32) + ((uint64_t)(quarter / count) << 16) + more;
    inside.start = ((inside.step + 1u) >> 1) - ((uint64_t)128u << 32);
    inside.first = inside.end = 0u;
    for (uint32_t x = 0u; x < count; ++x) {
        uint32_t position = (2u * x + 1u) * size * 128u / count;
        if (position < 128u) {
            inside.first = x + 1u;
        } else if (position < 128u + (size - 1u) * 256u) {
            inside.end = x + 1u;
        }
    }
}

void npu_image_open(const npu_image_settings *settings)
{
    s = settings;
    place_columns();
    for (uint32_t i = 0u; i < 64u; ++i) {
        uint32_t narrow = (i & 31u) << 3 | (i & 31u) >> 2, wide = i << 2 | i >> 4;
        if (s->channels == 1u) {
            of.red[i & 31u] = (uint16_t)(77u * narrow);
            of.green[i] = (uint16_t)(150u * wide + 128u);
            of.blue[i & 31u] = (uint16_t)(29u * narrow); /* all together at most 65408 */
        } else {
            of.red[i & 31u] = (uint8_t)s->table[0][narrow];
            of.green[i] = (uint8_t)s->table[1][wide];
            of.blue[i & 31u] = (uint8_t)s->table[2][narrow];
        }
    }
}

/* Pixels as they are, where the width does not change: what the other function would make of them. */
static void copy_pixels(const uint8_t *pixel, uint32_t count, int8_t *values)
{
    const uint8_t *end = pixel + 2u * count;
    if (s->channels == 1u) {
        for (; pixel != end; pixel += 2) {
            uint32_t packed = pixel[0] | (uint32_t)pixel[1] << 8;
            uint32_t luminance = (uint32_t)of.red[packed >> 11] + of.green[packed >> 5 & 63u] + of.blue[packed & 31u];
            *values++ = s->table[0][luminance >> 8];
        }
        return;
    }
    for (; pixel != end; pixel += 2, values += 3) {
        uint32_t packed = pixel[0] | (uint32_t)pixel[1] << 8;
        values[0] = (int8_t)(uint8_t)of.red[packed >> 11];
        values[1] = (int8_t)(uint8_t)of.green[packed >> 5 & 63u];
        values[2] = (int8_t)(uint8_t)of.blue[packed & 31u];
    }
}

/* Bits 15 to 8 of both halves. */
static inline uint32_t take_high_bytes(uint32_t halves)
{
#if TD_DSP
    uint32_t bytes;
    __asm("uxtb16 %0, %1, ror #8" : "=r"(bytes) : "r"(halves));
    return bytes;
#else
    return halves >> 8 & 0x00FF00FFu;
#endif
}

/* a + the sum of the products of the halves of x and y, which are below 2^15. */
static inline uint32_t add_products(uint32_t a, uint32_t x, uint32_t y)
{
#if TD_DSP
    return (uint32_t)__smlad((int16x2_t)x, (int16x2_t)y, (int32_t)a);
#else
    return a + (x & 0xFFFFu) * (y & 0xFFFFu) + (x >> 16) * (y >> 16);
#endif
}

/* a + weight times the high half of x, both below 2^15. */
static inline uint32_t add_high(uint32_t a, uint32_t x, uint32_t weight)
{
#if TD_DSP
    return (uint32_t)__smlatb((int32_t)x, (int32_t)weight, (int32_t)a);
#else
    return a + (x >> 16) * weight;
#endif
}

/* One colour of two pixels, five or six bits each, as eight bits, so that all ones stay all ones. What a shift to the right
 * brings across from the high half lies below bit 8, or above it by shifts to the left. */
static inline uint32_t get_reds(uint32_t pair)
{
    uint32_t bits = pair & 0xF800F800u;
    return take_high_bytes(bits | bits >> 5);
}

static inline uint32_t get_greens(uint32_t pair)
{
    uint32_t bits = pair >> 1 & 0x03F003F0u;
    return take_high_bytes(bits | bits << 6);
}

static inline uint32_t get_blues(uint32_t pair)
{
    uint32_t bits = pair << 6 & 0x07C007C0u;
    return take_high_bytes(bits | bits << 5);
}

/* Two pixels beside each other, at any address. */
typedef struct TD_ATTRIBUTE((packed, may_alias)) {
    uint32_t pair;
} pixels;

/* 65536 times one colour of four pixels, two of each row, by the weights of columns and rows: these are 65536 in all, and
 * 128 in each row make the half of that. At most 255 * 65536 + 32768 < 2^24. */
TD_ATTRIBUTE((always_inline))
static inline uint32_t mix(uint32_t above, uint32_t below, uint32_t columns, uint32_t upper, uint32_t lower)
{
    return add_products(128u, above, columns) * upper + add_products(128u, below, columns) * lower;
}

/* `count` pixels, not 0, between two rows, of which the second has a share of v / 256, from column `at` on, in 2^-40 pixels. */
static void resize_pixels(const uint8_t *top, const uint8_t *bottom, uint32_t v, uint64_t at, uint32_t count,
                          int8_t *values)
{
    const int8_t(*table)[256] = s->table;
    const uint64_t step = inside.step;
    const uint32_t upper = 256u - v, channels = s->channels;
    const int8_t *end = values + channels * count;
    do {
        uint32_t position = (uint32_t)(at >> 32), offset = (position >> 8) * 2u;
        uint32_t columns = 256u + (position & 255u) * 0xFFFFu; /* 256 - u and, in the high half, u */
        uint32_t above = ((const pixels *)(top + offset))->pair, below = ((const pixels *)(bottom + offset))->pair;
        uint32_t red = mix(get_reds(above), get_reds(below), columns, upper, v);
        uint32_t green = mix(get_greens(above), get_greens(below), columns, upper, v);
        uint32_t blue = mix(get_blues(above), get_blues(below), columns, upper, v);
        if (channels == 1u) {
            *values++ = table[0][add_high(add_high(add_high(128u, red, 77u), green, 150u), blue, 29u) >> 8];
        } else {
            *values++ = table[0][red >> 16];
            *values++ = table[1][green >> 16];
            *values++ = table[2][blue >> 16];
        }
        at += step;
    } while (values != end);
}

/* Pixels [x, end), inside or not; of the latter there are one or two in a row, but where a part is enlarged. */
static void resize_row(const uint8_t *top, const uint8_t *bottom, uint32_t v, uint32_t x, uint32_t end, int8_t *values)
{
    while (x < end) {
        uint32_t until = end < inside.end ? end : inside.end;
        if (x >= inside.first && x < until) {
            resize_pixels(top, bottom, v, inside.start + inside.step * x, until - x, values);
        } else {
            between u = place(x, s->w, s->crop_w);
            uint8_t two[2][4];
            for (uint32_t i = 0u; i < 2u; ++i) {
                two[0][i] = top[2u * u.first + i];
                two[0][2u + i] = top[2u * u.second + i];
                two[1][i] = bottom[2u * u.first + i];
                two[1][2u + i] = bottom[2u * u.second + i];
            }
            resize_pixels(two[0], two[1], v, (uint64_t)u.share << 32, 1u, values);
            until = x + 1u;
        }
        values += (until - x) * s->channels;
        x = until;
    }
}

/* `count` pixels of row y, from x on. */
static void make_pixels(const uint8_t *camera, uint32_t y, uint32_t x, uint32_t count, int8_t *values)
{
    const uint8_t *part = camera + 2u * ((uint32_t)s->crop_y * s->camera_w + s->crop_x);
    between v = place(y, s->h, s->crop_h);
    const uint8_t *top = part + 2u * v.first * s->camera_w;
    if (s->w == s->crop_w && v.share == 0u) {
        copy_pixels(top + 2u * x, count, values);
    } else {
        resize_row(top, part + 2u * v.second * s->camera_w, v.share, x, x + count, values);
    }
}

void npu_image_prepare(const uint8_t *camera, uint32_t first, uint32_t count, int8_t *values)
{
    uint32_t channels = s->channels, w = s->w;
    while (count != 0u) {
        uint32_t pixel = first / channels, skipped = first % channels;
        uint32_t y = pixel / w, x = pixel % w, made;
        if (skipped == 0u && count >= channels) {
            uint32_t pixels = count / channels < w - x ? count / channels : w - x;
            make_pixels(camera, y, x, pixels, values);
            made = pixels * channels;
        } else { /* a part of a pixel */
            int8_t whole[3];
            make_pixels(camera, y, x, 1u, whole);
            for (made = 0u; made < count && skipped + made < channels; ++made) {
                values[made] = whole[skipped + made];
            }
        }
        first += made;
        values += made;
        count -= made;
    }
}
