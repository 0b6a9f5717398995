/* SPDX-License-Identifier: 0BSD */
/* The memory functions that compilers call on their own, so that the firmware needs no C library.
 *
 * They copy words from any address: the core reads unaligned words from normal memory with LDR. The empty asm in each
 * loop keeps the compiler from recognizing the loop and calling the very function it is in. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *left, const void *right, size_t count);

typedef struct {
    uint32_t value;
} __attribute__((packed, may_alias)) unaligned_word;

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    uint8_t *t = (uint8_t *)to;
    const uint8_t *f = (const uint8_t *)from;
    for (; count >= 16u; count -= 16u) {
        uint32_t a = ((const unaligned_word *)f)[0].value;
        uint32_t b = ((const unaligned_word *)f)[1].value;
        uint32_t c = ((const unaligned_word *)f)[2].value;
        uint32_t d = ((const unaligned_word *)f)[3].value;
        ((unaligned_word *)t)[0].value = a;
        ((unaligned_word *)t)[1].value = b;
        ((unaligned_word *)t)[2].value = c;
        ((unaligned_word *)t)[3].value = d;
        f += 16;
        t += 16;
        __asm volatile("");
    }
    for (; count >= 4u; count -= 4u, f += 4, t += 4) {
        ((unaligned_word *)t)->value = ((const unaligned_word *)f)->value;
        __asm volatile("");
    }
    for (; count != 0u; --count) {
        *t++ = *f++;
        __asm volatile("");
    }
    return to;
}

void *memmove(void *to, const void *from, size_t count)
{
    if ((uintptr_t)to - (uintptr_t)from >= count) { /* `to` does not lie within what is still to be read */
        return memcpy(to, from, count);
    }
    uint8_t *t = (uint8_t *)to + count;
    const uint8_t *f = (const uint8_t *)from + count;
    for (; count != 0u; --count) {
        *--t = *--f;
        __asm volatile("");
    }
    return to;
}

void *memset(void *to, int value, size_t count)
{
    uint8_t *t = (uint8_t *)to;
    uint32_t word = 0x01010101u * (uint8_t)value;
    for (; count >= 16u; count -= 16u) {
        ((unaligned_word *)t)[0].value = word;
        ((unaligned_word *)t)[1].value = word;
        ((unaligned_word *)t)[2].value = word;
        ((unaligned_word *)t)[3].value = word;
        t += 16;
        __asm volatile("");
    }
    for (; count >= 4u; count -= 4u, t += 4) {
        ((unaligned_word *)t)->value = word;
        __asm volatile("");
    }
    for (; count != 0u; --count) {
        *t++ = (uint8_t)value;
        __asm volatile("");
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t count)
{
    const uint8_t *l = (const uint8_t *)left;
    const uint8_t *r = (const uint8_t *)right;
    for (; count != 0u; --count, ++l, ++r) {
        if (*l != *r) {
            return *l < *r ? -1 : 1;
        }
        __asm volatile("");
    }
    return 0;
}
