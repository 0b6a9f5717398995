/* SPDX-License-Identifier: 0BSD */
/* From a camera's picture to a net's input: a part of it is cut out, resized bilinearly and mapped to int8. Integers only;
 * time and memory depend on the sizes alone. */
#ifndef NPU_IMAGE_H
#define NPU_IMAGE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes in pixels, 1 to 1024. The part [crop_y, crop_y + crop_h) x [crop_x, crop_x + crop_w) lies within the picture. */
typedef struct {
    uint16_t camera_h, camera_w;
    uint16_t crop_y, crop_x, crop_h, crop_w;
    uint16_t h, w;              /* of the net's input */
    uint16_t channels;          /* 1: luminance; 3: red, green, blue */
    const int8_t (*table)[256]; /* for each channel: the net's value of 0 to 255 */
} npu_image_settings;

/* The settings of all calls behind this one; they stay valid. */
void npu_image_open(const npu_image_settings *settings);

/* Makes values [first, first + count) of the h * w * channels of the net's input.
 * `camera`: RGB565, two bytes per pixel, the low one first, row by row. */
void npu_image_prepare(const uint8_t *camera, uint32_t first, uint32_t count, int8_t *values);

#ifdef __cplusplus
}
#endif

#endif
