/* SPDX-License-Identifier: 0BSD */
/* Runs images through a TinyNPU behind a link that may lose, spoil or forget anything.
 *
 * A result is given only for the image it was computed from, by the program that was asked for; else there is an error. */
#ifndef NPU_H
#define NPU_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    NPU_OK = 0,
    NPU_SILENT = -1,      /* READY does not rise, or no answer comes through: wires, supply, a device that hangs */
    NPU_VERSION = -2,     /* the device speaks another version of the link */
    NPU_BAD_PROGRAM = -3, /* the device refuses the program: its version, its size, its CRC */
    NPU_LOST = -4,        /* the device has forgotten program or frame: it was reset */
    NPU_REFUSED = -5,     /* the device refuses a request that should be right */
    NPU_TRAPPED = -6      /* the program did what the machine forbids */
};

typedef struct {
    const uint8_t *bytes;   /* a whole file of the program format */
    uint32_t size;
    uint32_t identity;      /* the CRC-32 in its header */
    uint32_t image_bytes;
    uint32_t result_bytes;  /* all outputs of a frame */
    uint32_t frame_us;      /* that a frame takes at most, before the device counts as hung */
} npu_program;

/* Images and results of a sequence of frames. */
typedef struct {
    /* Makes bytes [offset, offset + count) of image `index` at `to`, a multiple of 4. Called piece by piece in an interrupt,
     * while `results` takes those of an image before; and for any piece again, until this image's results were given. */
    void (*image)(void *context, uint32_t index, uint32_t offset, uint32_t count, int8_t *to);
    /* Takes the results of image `index`, result_bytes of them, once and in order; they are gone behind the call. */
    void (*results)(void *context, uint32_t index, const int8_t *bytes);
    void *context;
} npu_frames;

/* What has happened so far. */
typedef struct {
    uint32_t transactions; /* of the link */
    uint32_t repeated;     /* requests sent again */
    uint32_t resets;       /* of the device, each with a download of the program */
    uint32_t frames;       /* whose results came */
    uint32_t cycles;       /* of the device, for the last of them */
} npu_counters;

/* Runs `count` images. An image is sent while the device computes the one before and the results of the one before that
 * are taken. What goes wrong is repeated; the
 * device is reset and given its program anew where that does not help. `results` has room for result_bytes.
 * Returns NPU_OK, or why the first image without results has none, after eight attempts. */
int npu_run_frames(const npu_program *program, uint32_t count, const npu_frames *frames, int8_t *results);

const npu_counters *npu_count(void);

#ifdef __cplusplus
}
#endif

#endif
