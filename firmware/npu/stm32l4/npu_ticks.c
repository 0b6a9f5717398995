/* SPDX-License-Identifier: 0BSD */
/* The link's clock is the core's. */
#include "npu_port.h"
#include "target.h"

uint32_t npu_port_ticks(void)
{
    return target_cycles();
}

uint32_t npu_port_ticks_per_us(void)
{
    return target_core_hz() / 1000000u;
}
