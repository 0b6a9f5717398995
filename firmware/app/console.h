/* SPDX-License-Identifier: 0BSD */
/* Text on the console. It never contains 0x00, so that a host can tell it from frames. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a string. */
void console_text(const char *text);

/* Writes `digits` hexadecimal digits, lower case. */
void console_hex(uint32_t value, uint32_t digits);

/* Writes a number in decimal. */
void console_decimal(uint32_t value);

/* Writes bytes as they are. */
void console_bytes(const uint8_t *bytes, size_t count);

#ifdef __cplusplus
}
#endif

#endif
