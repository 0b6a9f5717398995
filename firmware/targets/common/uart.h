/* SPDX-License-Identifier: 0BSD */
/* The console UART. */
#ifndef UART_H
#define UART_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sets up the console's pins and 8N1 at BOARD_CONSOLE_BAUD; `kernel_hz` is the clock of its baud-rate generator. */
void uart_init(uint32_t kernel_hz);

/* Sends one byte; does nothing before uart_init. */
void uart_put(uint8_t byte);

/* The oldest received byte, or -1. */
int uart_get(void);

/* Sleeps until a byte arrives, or another interrupt. */
void uart_wait(void);

#ifdef __cplusplus
}
#endif

#endif
