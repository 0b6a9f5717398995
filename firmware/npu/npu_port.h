/* SPDX-License-Identifier: 0BSD */
/* What the link to a TinyNPU asks of the chip: exchanges in one direction at a time, and the lines READY and RESET. */
#ifndef NPU_PORT_H
#define NPU_PORT_H

#include <stdint.h>

#include "npu_wire.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Connects pins and clocks; select and RESET are released. Called once. */
void npu_port_open(void);

/* Holds the device in reset, or with 0 releases it. */
void npu_port_reset(int asserted);

/* The level of READY. */
int npu_port_is_ready(void);

/* Selects the device and begins to send `count` bytes of `out`, or where that is NULL, to fetch as many to `in`. They stay
 * untouched until npu_port_end, lie where the chip's DMA reaches, begin at a multiple of 4 and have NPU_PORT_ROOM bytes. */
void npu_port_begin(const uint8_t *out, uint8_t *in, uint32_t count);

/* Waits for the end of what npu_port_begin began, asleep where the chip can, and releases the device. Returns 0, or -1 where
 * the bytes did not get through. */
int npu_port_end(void);

/* From a call with 1 until one with 0 the end of an exchange makes the chip call npu_link_advance in an interrupt. */
void npu_port_allow_interrupt(int allowed);

/* A clock, modulo 2^32, and its ticks per microsecond. */
uint32_t npu_port_ticks(void);
uint32_t npu_port_ticks_per_us(void);

#ifdef __cplusplus
}
#endif

#endif
