/* SPDX-License-Identifier: 0BSD */
/* What each family's folder does for the console: its UART, without buffers. */
#ifndef UART_DEVICE_H
#define UART_DEVICE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Connects the board's pins and starts 8N1 at BOARD_CONSOLE_BAUD, received bytes raise the interrupt; `kernel_hz` is the clock of the baud-rate
 * generator. */
void uart_device_start(uint32_t kernel_hz);

/* The next received byte, or -1. Clears errors of reception. */
int uart_device_receive(void);

/* Forgets bytes that came: the next one raises the interrupt. */
void uart_device_await(void);

/* Sends a byte; 0 where that cannot be done yet. Drops it while the UART is off. */
int uart_device_send(uint8_t byte);

#ifdef __cplusplus
}
#endif

#endif
