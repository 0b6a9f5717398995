/* SPDX-License-Identifier: 0BSD */
/* The model as the application runs it: a camera's picture is prepared, TinyNPU computes, the rest follows here. */
#ifndef NPU_APP_H
#define NPU_APP_H

#include <stdint.h>

#include "npu.h"
#include "npu_image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { NPU_STAGE_PREPARE = 0, NPU_STAGE_ACCELERATOR = 1, NPU_STAGE_REST = 2, NPU_STAGES = 3 };

typedef struct {
    npu_program program;
    npu_image_settings settings;
    uint8_t *camera;  /* the picture, which stays until the results are there */
    int8_t *results;  /* room for what TinyNPU gives */
    int (*rest)(void); /* runs what stays here, on `results`; 0 where it succeeds */
    const uint32_t *box_count; /* of a detector: how many boxes the last frame shows; else NULL */
} npu_app_t;

extern const npu_app_t npu_app;

/* Connects the accelerator, once. */
void npu_app_begin(void);

/* One picture, or with observe(context, stage) behind each part of a stage of it: preparing goes on piece by piece while
 * the piece before is sent. As app_model's run and run_observed. */
int npu_app_run(void);
int npu_app_run_observed(void (*observe)(void *context, int stage), void *context);

/* Takes each byte that the host sends: frames of the protocol, and the text command `stream N` with a line end. That runs
 * the picture N times in a row, the first value of image i inverted in the bits of i, and says what it took. */
void npu_app_receive(uint8_t byte);

#ifdef __cplusplus
}
#endif

#endif
