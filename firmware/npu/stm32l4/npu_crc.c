/* SPDX-License-Identifier: 0BSD */
/* By the CRC unit of STM32L4+, a word at a time. It has one state: the interrupt of the link uses it alone while it is
 * allowed. */
#include "npu_crc.h"

#include <string.h>

#include "family.h"
#include "link_registers.h"
#include "registers.h"

static uint32_t reverse(uint32_t word)
{
    uint32_t reversed;
    __asm("rbit %0, %1" : "=r"(reversed) : "r"(word));
    return reversed;
}

uint32_t npu_crc_update(uint32_t crc, const void *bytes, size_t count)
{
    const uint8_t *b = (const uint8_t *)bytes;
    uint32_t words[4];
    if ((RCC_AHB1ENR & RCC_AHB1ENR_CRCEN) == 0u) {
        enable_clock(&RCC_AHB1ENR, RCC_AHB1ENR_CRCEN);
    }
    CRC_INIT = reverse(~crc);
    CRC_CR = CRC_CR_REV_OUT | CRC_CR_REV_IN_WORD | CRC_CR_RESET;
    for (; count >= sizeof words; count -= sizeof words, b += sizeof words) {
        memcpy(words, b, sizeof words); /* both ends are little-endian */
        CRC_DR = words[0];
        CRC_DR = words[1];
        CRC_DR = words[2];
        CRC_DR = words[3];
    }
    for (; count >= sizeof *words; count -= sizeof *words, b += sizeof *words) {
        memcpy(words, b, sizeof *words);
        CRC_DR = words[0];
    }
    crc = CRC_DR;
    for (; count != 0u; --count) { /* at most three bytes */
        crc ^= *b++;
        for (uint32_t bit = 0u; bit < 8u; ++bit) {
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}
