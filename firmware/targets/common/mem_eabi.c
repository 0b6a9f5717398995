/* SPDX-License-Identifier: 0BSD */
/* The names under which clang calls the memory functions (Run-time ABI for the Arm Architecture, section 5.3.4). */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);

#define DEFINE_COPY(name, function)                        \
    void name(void *to, const void *from, size_t count);   \
    void name(void *to, const void *from, size_t count)    \
    {                                                      \
        (void)function(to, from, count);                   \
    }

/* Mind the order of the arguments: it is not memset's. */
#define DEFINE_SET(name)                                   \
    void name(void *to, size_t count, int value);          \
    void name(void *to, size_t count, int value)           \
    {                                                      \
        (void)memset(to, value, count);                    \
    }

#define DEFINE_CLEAR(name)                                 \
    void name(void *to, size_t count);                     \
    void name(void *to, size_t count)                      \
    {                                                      \
        (void)memset(to, 0, count);                        \
    }

DEFINE_COPY(__aeabi_memcpy, memcpy)
DEFINE_COPY(__aeabi_memcpy4, memcpy)
DEFINE_COPY(__aeabi_memcpy8, memcpy)
DEFINE_COPY(__aeabi_memmove, memmove)
DEFINE_COPY(__aeabi_memmove4, memmove)
DEFINE_COPY(__aeabi_memmove8, memmove)
DEFINE_SET(__aeabi_memset)
DEFINE_SET(__aeabi_memset4)
DEFINE_SET(__aeabi_memset8)
DEFINE_CLEAR(__aeabi_memclr)
DEFINE_CLEAR(__aeabi_memclr4)
DEFINE_CLEAR(__aeabi_memclr8)
