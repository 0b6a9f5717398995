/* SPDX-License-Identifier: 0BSD */
/* The caches of the Cortex-M7. */
#ifndef CACHE_H
#define CACHE_H

#ifdef __cplusplus
extern "C" {
#endif

/* Switches on both caches, and forbids the core to read ahead where nothing answers. Cortex-M7 only. */
void cache_start(void);

#ifdef __cplusplus
}
#endif

#endif
