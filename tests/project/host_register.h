/* SPDX-License-Identifier: 0BSD */
/* Included before the clock code: its registers become calls, so that a simulated chip can answer. */
#include <stdint.h>

volatile uint32_t *host_register(uint32_t address);

#define REGISTER(address) (*host_register(address))
