/* SPDX-License-Identifier: 0BSD */
/* Sequences of frames: two are under way at a time, and the results of a third are taken; after an error those without
 * results begin anew. */
#include "npu.h"

#include <stddef.h>

#include "npu_link.h"
#include "npu_port.h"

#define SLOTS 2u    /* frames that the device takes at a time */
#define ATTEMPTS 8u /* without a result in between */

static const npu_program *loaded; /* NULL: the device must be reset */
static uint32_t next_frame;       /* number; never used twice, so that no part of an older image is taken for a newer one's */

int npu_run_frames(const npu_program *program, uint32_t count, const npu_frames *frames, int8_t *results)
{
    uint32_t submitted = 0u, collected = 0u, given = 0u, attempts = 0u;
    uint32_t first = next_frame; /* the number of image 0 */
    while (given < count) {
        int status = NPU_OK;
        if (loaded != program) {
            status = npu_link_open(program);
            loaded = status == NPU_OK ? program : NULL;
        }
        int sends = status == NPU_OK && submitted < count && submitted - collected < SLOTS;
        if (sends) {
            npu_link_send(program, first + submitted, frames, submitted);
        }
        if (given < collected) {
            npu_port_allow_interrupt(1);
            frames->results(frames->context, given, results);
            npu_port_allow_interrupt(0);
            ++given;
        }
        if (sends) {
            status = npu_link_start(program, first + submitted);
            ++submitted;
        } else if (status == NPU_OK && collected < submitted) {
            status = npu_link_collect(program, first + collected, results);
            if (status == NPU_OK) {
                ++collected;
                attempts = 0u;
            }
        }
        next_frame = first + submitted;
        if (status != NPU_OK) {
            loaded = NULL;
            if (status == NPU_BAD_PROGRAM || status == NPU_VERSION || ++attempts == ATTEMPTS) {
                return status;
            }
            first = next_frame - collected; /* image `collected` gets a number that was not used */
            submitted = collected;
        }
    }
    return NPU_OK;
}

const npu_counters *npu_count(void)
{
    return &npu_link_counters;
}
