/* SPDX-License-Identifier: 0BSD */
/* The part of <string.h> that kernels use, for compilers that come without a C library. The macros let a freestanding
 * compiler replace short copies of known length by loads and stores; targets/common/mem.c defines the functions. */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *left, const void *right, size_t count);

#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset
#define memcmp __builtin_memcmp

#ifdef __cplusplus
}
#endif

#endif
