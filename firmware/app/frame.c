/* SPDX-License-Identifier: 0BSD */
/* Encodes and decodes frames. COBS: Cheshire & Baker, Consistent Overhead Byte Stuffing, 1999. Raw frames are shorter
 * than 254 bytes, so that the method's longest block cannot occur. */
#include "frame.h"

#include "bytes.h"
#include "crc32.h"

size_t frame_encode(const frame *from, uint8_t *wire)
{
    uint8_t raw[FRAME_RAW_MAX];
    size_t count = 2u + (size_t)from->length;
    raw[0] = from->command;
    raw[1] = from->sequence;
    for (size_t i = 2u; i < count; ++i) {
        raw[i] = from->payload[i - 2u];
    }
    put_u32(raw + count, crc32_update(0u, raw, count));
    count += 4u;

    size_t written = 0u;
    wire[written++] = 0u;
    size_t code = written++; /* where the distance to the next zero goes */
    for (size_t i = 0u; i < count; ++i) {
        if (raw[i] == 0u) {
            wire[code] = (uint8_t)(written - code);
            code = written++;
        } else {
            wire[written++] = raw[i];
        }
    }
    wire[code] = (uint8_t)(written - code);
    wire[written++] = 0u;
    return written;
}

/* Returns the number of raw bytes, or 0 where `body` is not well-formed or holds more than FRAME_RAW_MAX. */
static size_t unstuff(const uint8_t *body, size_t count, uint8_t *raw)
{
    size_t made = 0u;
    size_t position = 0u;
    if (count > FRAME_BODY_MAX) {
        return 0u;
    }
    while (position < count) {
        size_t end = position + body[position];
        if (body[position] == 0u || end > count) {
            return 0u;
        }
        for (++position; position < end; ++position) {
            if (body[position] == 0u) {
                return 0u;
            }
            raw[made++] = body[position]; /* one fewer than read: stays below FRAME_BODY_MAX - 1 */
        }
        if (position < count) {
            raw[made++] = 0u;
        }
    }
    return made;
}

int frame_decode(const uint8_t *body, size_t count, frame *to)
{
    uint8_t raw[FRAME_RAW_MAX];
    size_t made = unstuff(body, count, raw);
    if (made < 6u || crc32_update(0u, raw, made - 4u) != get_u32(raw + made - 4u)) {
        return 0;
    }
    to->command = raw[0];
    to->sequence = raw[1];
    to->length = (uint8_t)(made - 6u);
    for (size_t i = 0u; i < to->length; ++i) {
        to->payload[i] = raw[i + 2u];
    }
    return 1;
}
