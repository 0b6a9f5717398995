/* SPDX-License-Identifier: 0BSD */
/* What the link to a TinyNPU asks of the chip: an SPI with select, and the lines READY and RESET. */
#ifndef NPU_PORT_H
#define NPU_PORT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Connects pins and clocks; select and RESET are released. Called once. */
void npu_port_open(void);

/* Holds the device in reset, or with 0 releases it. */
void npu_port_reset(int asserted);

/* The level of READY. */
int npu_port_is_ready(void);

/* Selects the device and begins to exchange `count` bytes, 1 to 65535. `out` may be NULL: zeros. Both stay untouched until
 * npu_port_end; they lie where the chip's DMA reaches. */
void npu_port_begin(const uint8_t *out, uint8_t *in, uint32_t count);

/* Waits for the end of the exchange and releases the device. Returns 0, or -1 where it does not end in time. */
int npu_port_end(void);

/* A clock, modulo 2^32, and its ticks per microsecond. */
uint32_t npu_port_ticks(void);
uint32_t npu_port_ticks_per_us(void);

#ifdef __cplusplus
}
#endif

#endif
