/* SPDX-License-Identifier: 0BSD */
/* Registers of Arm's MPS2 with the FPGA images AN386 and AN500 that the firmware uses. Blocks and their addresses: memory
 * maps of the application notes (DAI 0386, DAI 0500); registers: Cortex-M System Design Kit (DDI 0479), chapter 4. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include "core.h"

#define FAMILY_INTERRUPTS 32        /* of the design kit's example system */
#define FAMILY_VECTOR_ALIGNMENT 256 /* 48 words, rounded up */

/* APB timer 0 */
#define TIMER0_CTRL REGISTER(0x40000000u)
#define TIMER_CTRL_EN (1u << 0)
#define TIMER0_VALUE REGISTER(0x40000004u)  /* counts down */
#define TIMER0_RELOAD REGISTER(0x40000008u) /* also written to the value */

/* APB UART */
#define UART(offset) REGISTER(BOARD_CONSOLE_ADDRESS + (offset))
#define UART_DATA UART(0x00u)
#define UART_STATE UART(0x04u)
#define UART_STATE_TX_FULL (1u << 0)
#define UART_STATE_RX_FULL (1u << 1)
#define UART_STATE_OVERRUNS (3u << 2) /* cleared by writing ones */
#define UART_CTRL UART(0x08u)
#define UART_CTRL_TX_ENABLE (1u << 0)
#define UART_CTRL_RX_ENABLE (1u << 1)
#define UART_CTRL_RX_INTERRUPT (1u << 3)
#define UART_INTCLEAR UART(0x0Cu)
#define UART_INT_RX (1u << 1)
#define UART_BAUDDIV UART(0x10u) /* at least 16 */

#endif
