/* SPDX-License-Identifier: 0BSD */
/* Slicing by four (Kounavis and Berry, 2005), over tables that the first call makes. */
#include "npu_crc.h"

#include <string.h>

/* tables[k][i]: what byte i is worth k bytes further on; tables[0][1] is never 0 once they are made. */
static uint32_t tables[4][256];

static void make_tables(void)
{
    for (uint32_t i = 0u; i < 256u; ++i) {
        uint32_t crc = i;
        for (uint32_t bit = 0u; bit < 8u; ++bit) {
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
        }
        tables[0][i] = crc;
    }
    for (uint32_t k = 1u; k < 4u; ++k) {
        for (uint32_t i = 0u; i < 256u; ++i) {
            uint32_t crc = tables[k - 1u][i];
            tables[k][i] = crc >> 8 ^ tables[0][crc & 255u];
        }
    }
}

uint32_t npu_crc_update(uint32_t crc, const void *bytes, size_t count)
{
    const uint8_t *b = (const uint8_t *)bytes;
    if (tables[0][1] == 0u) {
        make_tables();
    }
    crc = ~crc;
    for (; count >= 4u; count -= 4u, b += 4) {
        uint32_t word;
        memcpy(&word, b, sizeof word); /* both ends are little-endian */
        crc ^= word;
        crc = tables[3][crc & 255u] ^ tables[2][crc >> 8 & 255u] ^ tables[1][crc >> 16 & 255u] ^ tables[0][crc >> 24];
    }
    for (; count != 0u; --count) {
        crc = crc >> 8 ^ tables[0][(crc ^ *b++) & 255u];
    }
    return ~crc;
}
