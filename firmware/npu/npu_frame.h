/* SPDX-License-Identifier: 0BSD */
/* A frame of the link: 24 bytes of header with a CRC, then up to NPU_CHUNK bytes of payload with another. */
#ifndef NPU_FRAME_H
#define NPU_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "npu_wire.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NPU_PROTOCOL_VERSION 1u
#define NPU_HEADER_BYTES 24u
#define NPU_CRC_BYTES 4u
#define NPU_CHUNK (NPU_PORT_ROOM - NPU_HEADER_BYTES - NPU_CRC_BYTES)
#define NPU_MISSING_BYTES 32u /* at most, of the list behind INCOMPLETE: a bit for each piece, the first missing one lowest */
#define NPU_ANSWERED 0x80u /* an answer's command is the request's with this bit */

enum { NPU_HELLO = 1, NPU_PROGRAM = 2, NPU_LOAD = 3, NPU_IMAGE = 4, NPU_START = 5, NPU_RESULT = 6 };

enum {
    NPU_STATUS_OK = 0,
    NPU_STATUS_DAMAGED = 1,
    NPU_STATUS_UNKNOWN_COMMAND = 2,
    NPU_STATUS_BAD_RANGE = 3,
    NPU_STATUS_NO_PROGRAM = 4,
    NPU_STATUS_WRONG_PROGRAM = 5,
    NPU_STATUS_INCOMPLETE = 6,
    NPU_STATUS_BUSY = 7,
    NPU_STATUS_BAD_PROGRAM = 8,
    NPU_STATUS_NO_FRAME = 9,
    NPU_STATUS_TRAP = 10
};

enum { NPU_STATE_LOADED = 1, NPU_STATE_COMPUTES = 2 }; /* bits of an answer's state */

typedef struct {
    const uint8_t *payload; /* of a parsed frame: `length` bytes within its wire */
    uint32_t frame;
    uint32_t value;
    uint32_t identity;
    uint16_t sequence;
    uint16_t length;
    uint8_t command;
    uint8_t status;
    uint8_t state;
} npu_frame;

/* Writes a request to `wire`, which has room for NPU_PORT_ROOM and holds the payload already, behind NPU_HEADER_BYTES.
 * Returns how many bytes it takes. */
uint32_t npu_frame_pack(const npu_frame *request, uint8_t *wire);

/* Reads an answer from the `count` bytes at `wire`. Returns whether its CRCs are right and it is all there. */
int npu_frame_parse(const uint8_t *wire, uint32_t count, npu_frame *answer);

#ifdef __cplusplus
}
#endif

#endif
