/* SPDX-License-Identifier: 0BSD */
/* Bilinear resizing with half-pixel centres, in 1/256 pixels. */
#include "npu_image.h"

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

void npu_image_prepare(const npu_image_settings *settings, const uint8_t *camera, int8_t *image)
{
    const npu_image_settings *s = settings;
    const uint8_t *part = camera + 2u * ((uint32_t)s->crop_y * s->camera_w + s->crop_x);
    for (uint32_t y = 0u; y < s->h; ++y) {
        between v = place(y, s->h, s->crop_h);
        const uint8_t *top = part + 2u * v.first * s->camera_w;
        const uint8_t *bottom = part + 2u * v.second * s->camera_w;
        for (uint32_t x = 0u; x < s->w; ++x) {
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
                color[k] = (above * (256u - v.share) + below * v.share + 32768u) >> 16;
            }
            if (s->channels == 1u) {
                uint32_t luminance = (77u * color[0] + 150u * color[1] + 29u * color[2] + 128u) >> 8;
                *image++ = s->table[0][luminance];
            } else {
                for (uint32_t k = 0u; k < 3u; ++k) {
                    *image++ = s->table[k][color[k]];
                }
            }
        }
    }
}
