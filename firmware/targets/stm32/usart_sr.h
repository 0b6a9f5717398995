/* SPDX-License-Identifier: 0BSD */
/* Registers of the USART with one data register: STM32F4 (RM0402). */
#ifndef USART_SR_H
#define USART_SR_H

#include "core.h"

#define UART(offset) REGISTER(BOARD_CONSOLE_ADDRESS + (offset))
#define UART_STATUS UART(0x00u)   /* Status register, SR */
#define UART_RECEIVE UART(0x04u)  /* Data register, DR */
#define UART_TRANSMIT UART(0x04u) /* the same */
#define UART_BRR UART(0x08u)      /* Baud rate register */
#define UART_CR1 UART(0x0Cu)      /* Control register 1 */
#define UART_CR1_UE (1u << 13)
#define UART_CR2 UART(0x10u)      /* Control register 2 */
#define UART_CR3 UART(0x14u)      /* Control register 3 */

/* Reading DR behind SR clears the errors. */
#define UART_CLEAR_ERRORS() ((void)UART_RECEIVE)

#endif
