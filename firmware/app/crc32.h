/* SPDX-License-Identifier: 0BSD */
/* CRC-32 of IEEE 802.3, as zlib's crc32. */
#ifndef CRC32_H
#define CRC32_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The CRC of what `crc` is the CRC of, followed by `count` bytes; `crc` of nothing is 0. */
uint32_t crc32_update(uint32_t crc, const void *bytes, size_t count);

#ifdef __cplusplus
}
#endif

#endif
