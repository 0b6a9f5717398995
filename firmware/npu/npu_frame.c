/* SPDX-License-Identifier: 0BSD */
/* Frames of the link as bytes: sync, command, sequence, status, state, length, frame, value, identity, CRC-32. */
#include "npu_frame.h"

#include "bytes.h"
#include "npu_crc.h"

enum { REQUEST = 0x5A, ANSWER = 0xA5 };
#define COVERED (NPU_HEADER_BYTES - NPU_CRC_BYTES) /* bytes of the header in front of its CRC */

uint32_t npu_frame_pack(const npu_frame *request, uint8_t *wire)
{
    wire[0] = REQUEST;
    wire[1] = request->command;
    put_u16(wire + 2, request->sequence);
    wire[4] = request->status;
    wire[5] = request->state;
    put_u16(wire + 6, request->length);
    put_u32(wire + 8, request->frame);
    put_u32(wire + 12, request->value);
    put_u32(wire + 16, request->identity);
    uint32_t crc = npu_crc_update(0u, wire, COVERED);
    put_u32(wire + COVERED, crc);
    if (request->length == 0u) {
        return NPU_HEADER_BYTES;
    }
    uint8_t *payload = wire + NPU_HEADER_BYTES;
    put_u32(payload + request->length, npu_crc_update(crc, payload, request->length));
    return NPU_HEADER_BYTES + request->length + NPU_CRC_BYTES;
}

int npu_frame_parse(const uint8_t *wire, uint32_t count, npu_frame *answer)
{
    if (count < NPU_HEADER_BYTES || wire[0] != ANSWER) {
        return 0;
    }
    uint32_t crc = npu_crc_update(0u, wire, COVERED);
    if (get_u32(wire + COVERED) != crc) {
        return 0;
    }
    answer->command = wire[1];
    answer->sequence = (uint16_t)get_u16(wire + 2);
    answer->status = wire[4];
    answer->state = wire[5];
    answer->length = (uint16_t)get_u16(wire + 6);
    answer->frame = get_u32(wire + 8);
    answer->value = get_u32(wire + 12);
    answer->identity = get_u32(wire + 16);
    answer->payload = wire + NPU_HEADER_BYTES;
    if (answer->length == 0u) {
        return 1;
    }
    uint32_t length = answer->length;
    if (length > NPU_CHUNK || count - NPU_HEADER_BYTES < length + NPU_CRC_BYTES) {
        return 0;
    }
    return get_u32(answer->payload + length) == npu_crc_update(crc, answer->payload, length);
}
