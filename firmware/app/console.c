/* SPDX-License-Identifier: 0BSD */
/* Text and numbers, byte by byte, without printf. */
#include "console.h"

#include "target.h"

void console_bytes(const uint8_t *bytes, size_t count)
{
    for (; count != 0u; --count) {
        target_console_put(*bytes++);
    }
}

void console_text(const char *text)
{
    for (; *text != '\0'; ++text) {
        target_console_put((uint8_t)*text);
    }
}

void console_hex(uint32_t value, uint32_t digits)
{
    while (digits != 0u) {
        --digits;
        target_console_put((uint8_t)"0123456789abcdef"[(value >> (4u * digits)) & 15u]);
    }
}

void console_decimal(uint32_t value)
{
    uint8_t text[10]; /* 2^32 - 1 has ten digits */
    size_t first = sizeof text;
    do {
        text[--first] = (uint8_t)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    console_bytes(text + first, sizeof text - first);
}
