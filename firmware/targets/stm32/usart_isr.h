/* SPDX-License-Identifier: 0BSD */
/* Registers of the USART with a data register for each direction: STM32F7, STM32H7, STM32L4+ (RM0385, RM0433, RM0432).
 * The LPUART has the same. */
#ifndef USART_ISR_H
#define USART_ISR_H

#include "core.h"

#define UART(offset) REGISTER(BOARD_CONSOLE_ADDRESS + (offset))
#define UART_CR1 UART(0x00u)       /* Control register 1 */
#define UART_CR1_UE (1u << 0)
#define UART_CR1_FIFOEN (1u << 29) /* not on STM32F7 */
#define UART_CR2 UART(0x04u)       /* Control register 2 */
#define UART_CR3 UART(0x08u)       /* Control register 3 */
#define UART_BRR UART(0x0Cu)       /* Baud rate register */
#define UART_STATUS UART(0x1Cu)    /* Interrupt and status register, ISR */
#define UART_ICR UART(0x20u)       /* Interrupt flag clear register: the errors have the bits they have in ISR */
#define UART_RECEIVE UART(0x24u)   /* Receive data register, RDR */
#define UART_TRANSMIT UART(0x28u)  /* Transmit data register, TDR */

#define UART_CLEAR_ERRORS() (UART_ICR = UART_STATUS_ERRORS)

#endif
