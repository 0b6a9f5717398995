/* SPDX-License-Identifier: 0BSD */
/* Fills memory with a pattern and finds out what of it is left. */
#include "high_water.h"

#define PATTERN 0xA5u
#define PATTERN_WORD 0xA5A5A5A5u

uint32_t region_bytes(app_region region)
{
    return (uint32_t)(region.end - region.start);
}

uint32_t arena_bytes(void)
{
    uint32_t bytes = 0u;
    for (uint32_t i = 0u; i < app_model.arena_count; ++i) {
        bytes += region_bytes(app_model.arenas[i]);
    }
    return bytes;
}

void fill_arenas(void)
{
    for (uint32_t i = 0u; i < app_model.arena_count; ++i) {
        app_region arena = app_model.arenas[i];
        /* Whole words: memory with error correction must be written so before it is first read. */
        volatile uint32_t *word = (volatile uint32_t *)(void *)arena.start;
        for (uint32_t count = region_bytes(arena) / 4u; count != 0u; --count) {
            *word++ = PATTERN_WORD;
        }
        for (volatile uint8_t *byte = (volatile uint8_t *)word; byte < arena.end; ++byte) {
            *byte = PATTERN;
        }
    }
}

uint32_t stack_high_water(void)
{
    const volatile uint8_t *byte = app_model.stack.start;
    while (byte < app_model.stack.end && *byte == PATTERN) {
        ++byte;
    }
    return (uint32_t)(app_model.stack.end - byte);
}

uint32_t arena_high_water(void)
{
    uint32_t bytes = 0u;
    for (uint32_t i = 0u; i < app_model.arena_count; ++i) {
        const volatile uint8_t *start = app_model.arenas[i].start;
        const volatile uint8_t *byte = app_model.arenas[i].end;
        while (byte > start && byte[-1] == PATTERN) {
            --byte;
        }
        bytes += (uint32_t)(byte - start);
    }
    return bytes;
}
