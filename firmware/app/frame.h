/* SPDX-License-Identifier: 0BSD */
/* Frames of the serial protocol: command, sequence number, payload and CRC-32, stuffed by COBS between 0x00 bytes. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FRAME_PAYLOAD_MAX 64u
#define FRAME_RAW_MAX (2u + FRAME_PAYLOAD_MAX + 4u)
#define FRAME_BODY_MAX (FRAME_RAW_MAX + 1u) /* COBS adds one byte to up to 254 */
#define FRAME_WIRE_MAX (FRAME_BODY_MAX + 2u)

typedef struct {
    uint8_t command;
    uint8_t sequence;
    uint8_t length; /* of the payload, 0 to 64 */
    uint8_t payload[FRAME_PAYLOAD_MAX];
} frame;

/* Writes the frame with its delimiters to `wire`, at most FRAME_WIRE_MAX bytes. Returns how many. */
size_t frame_encode(const frame *from, uint8_t *wire);

/* Reads the `count` bytes between two delimiters. Returns 1, or 0 where they are not a frame with a right CRC. */
int frame_decode(const uint8_t *body, size_t count, frame *to);

#ifdef __cplusplus
}
#endif

#endif
