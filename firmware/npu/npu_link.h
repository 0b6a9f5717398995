/* SPDX-License-Identifier: 0BSD */
/* Requests to the device, each repeated until it came through. Functions with a result return NPU_OK or another of npu.h. */
#ifndef NPU_LINK_H
#define NPU_LINK_H

#include <stdint.h>

#include "npu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Resets the device, downloads the program and has it loaded. */
int npu_link_open(const npu_program *program);

/* Begins to send image `index` as that of `frame`; its pieces then follow each other by npu_link_advance. */
void npu_link_send(const npu_program *program, uint32_t frame, const npu_frames *frames, uint32_t index);

/* Behind the end of an exchange: begins the next piece and makes the one after it. Called in the port's interrupt while
 * that is allowed. */
void npu_link_advance(void);

/* Waits until the image is sent, and has it computed behind the frame before. Two frames may be under way. */
int npu_link_start(const npu_program *program, uint32_t frame);

/* Waits for a frame's results and fetches them. */
int npu_link_collect(const npu_program *program, uint32_t frame, int8_t *results);

extern npu_counters npu_link_counters;

#ifdef __cplusplus
}
#endif

#endif
