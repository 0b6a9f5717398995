/* SPDX-License-Identifier: 0BSD */
/* Requests to the device, each repeated until its answer came through. All functions return NPU_OK or another of npu.h. */
#ifndef NPU_LINK_H
#define NPU_LINK_H

#include <stdint.h>

#include "npu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Resets the device, downloads the program and has it loaded. */
int npu_link_open(const npu_program *program);

/* Sends an image as that of `frame`, and has it computed behind the frame before. Two frames may be under way. */
int npu_link_submit(const npu_program *program, uint32_t frame, const int8_t *image);

/* Waits for a frame's results and fetches them. */
int npu_link_collect(const npu_program *program, uint32_t frame, int8_t *results);

extern npu_counters npu_link_counters;

#ifdef __cplusplus
}
#endif

#endif
