/* SPDX-License-Identifier: 0BSD */
/* Bilinear resizing with half-pixel centres, in 1/256 pixels. */
#include "npu_image.h"

/* What the bits of a pixel give by themselves: shares of the luminance, or the net's values of a colour. */
typedef struct {
    uint16_t red[32], green[64], blue[32];
} shares;

static const npu_image_settings *s; /* of npu_image_open */
static shares of;

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

/* Five or six bits as eight, so that all ones stay all ones. */
static void unpack(const uint8_t *pixel, uint32_t color[3])
{
    uint32_t packed = pixel[0] | (uint32_t)pixel[1] << 8;
    uint32_t red = packed >> 11, green = packed >> 5 & 63u, blue = packed & 31u;
    color[0] = red << 3 | red >> 2;
    color[1] = green << 2 | green >> 4;
    color[2] = blue << 3 | blue >> 2;
}

/* One pixel of the net's input. */
static int8_t *map(const uint32_t color[3], int8_t *values)
{
    if (s->channels == 1u) {
        *values++ = s->table[0][(77u * color[0] + 150u * color[1] + 29u * color[2] + 128u) >> 8];
        return values;
    }
    for (uint32_t k = 0u; k < 3u; ++k) {
        *values++ = s->table[k][color[k]];
    }
    return values;
}

void npu_image_open(const npu_image_settings *settings)
{
    s = settings;
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

/* Pixels from x on between two rows, of which the second has a share of v / 256. */
static void resize_pixels(const uint8_t *top, const uint8_t *bottom, uint32_t v, uint32_t x, uint32_t count,
                          int8_t *values)
{
    for (uint32_t end = x + count; x < end; ++x) {
        between u = place(x, s->w, s->crop_w);
        uint32_t a[3], b[3], c[3], d[3], color[3];
        unpack(top + 2u * u.first, a);
        unpack(top + 2u * u.second, b);
        unpack(bottom + 2u * u.first, c);
        unpack(bottom + 2u * u.second, d);
        for (uint32_t k = 0u; k < 3u; ++k) {
            /* Shares add up to 65536 in all: at most 255 * 65536 + 32768 < 2^24. */
            uint32_t above = a[k] * (256u - u.share) + b[k] * u.share;
            uint32_t below = c[k] * (256u - u.share) + d[k] * u.share;
            color[k] = (above * (256u - v) + below * v + 32768u) >> 16;
        }
        values = map(color, values);
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
        resize_pixels(top, part + 2u * v.second * s->camera_w, v.share, x, count, values);
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
