/* SPDX-License-Identifier: 0BSD */
/* The chip behind the host's link, played by whoever loads this library. */
#include "npu_link.h"
#include "npu_port.h"

typedef struct {
    void (*reset)(int asserted);
    int (*is_ready)(void);
    void (*exchange)(const uint8_t *out, uint8_t *in, uint32_t count);
    int (*end)(void);
    uint32_t (*interrupts)(void);
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
    return port.end();
}

/* Pieces go on as far as the loader wants while results are taken, before the first byte of them is. */
void npu_port_allow_interrupt(int allowed)
{
    for (uint32_t count = allowed ? port.interrupts() : 0u; count != 0u; --count) {
        npu_link_advance();
    }
}

uint32_t npu_port_ticks(void)
{
    return port.ticks();
}

uint32_t npu_port_ticks_per_us(void)
{
    return 1u;
}
