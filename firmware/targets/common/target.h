/* SPDX-License-Identifier: 0BSD */
/* What the application asks of the chip it runs on. */
#ifndef TARGET_H
#define TARGET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Clocks in Hz, as they are; lower than the board's where an oscillator did not start. */
typedef struct {
    uint32_t core;
    uint32_t console; /* of the console UART's baud-rate generator */
} target_clocks;

/* Switches on the memories, clocks, caches, cycle counter and the console. Called once, before anything else here. */
void target_init(void);

/* Clock of the core in Hz. */
uint32_t target_core_hz(void);

/* Cycles of the core's clock since target_init, modulo 2^32; asleep it may stand. */
uint32_t target_cycles(void);

/* Writes one byte to the console; received bytes are collected while it waits. Gives up after about a second. */
void target_console_put(uint8_t byte);

/* The oldest received byte, or -1 where there is none. Up to 255 bytes are kept. */
int target_console_get(void);

/* Whether the watchdog caused the last reset. */
int target_was_reset_by_watchdog(void);

/* To be called more often than every BOARD_WATCHDOG_MS, where that is not 0. */
void target_feed_watchdog(void);

/* Sleeps until a byte arrives at the console; may return before. For when there is nothing to do. */
void target_wait(void);

#ifdef __cplusplus
}
#endif

#endif
