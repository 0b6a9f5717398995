/* SPDX-License-Identifier: 0BSD */
/* The chip behind the host's link, played by whoever loads this library. */
#include "npu_port.h"

#include <stddef.h>

typedef struct {
    void (*reset)(int asserted);
    int (*is_ready)(void);
    void (*exchange)(const uint8_t *out, uint8_t *in, uint32_t count);
    uint32_t (*ticks)(void);
} port_functions;

static port_functions port;

void native_port_connect(port_functions functions)
{
    port = functions;
}

void npu_port_open(void)
{
}

void npu_port_reset(int asserted)
{
    port.reset(asserted);
}

int npu_port_is_ready(void)
{
    return port.is_ready();
}

void npu_port_begin(const uint8_t *out, uint8_t *in, uint32_t count)
{
    port.exchange(out, in, count);
}

int npu_port_end(void)
{
    return 0;
}

uint32_t npu_port_ticks(void)
{
    return port.ticks();
}

uint32_t npu_port_ticks_per_us(void)
{
    return 1u;
}
