/* SPDX-License-Identifier: 0BSD */
/* The console's UART, of the Cortex-M System Design Kit. Its pins are fixed. */
#include "uart_device.h"

#include "board_config.h"
#include "registers.h"

void uart_device_start(uint32_t kernel_hz)
{
    UART_CTRL = 0u;
    UART_BAUDDIV = (kernel_hz + BOARD_CONSOLE_BAUD / 2u) / BOARD_CONSOLE_BAUD;
    UART_CTRL = UART_CTRL_TX_ENABLE | UART_CTRL_RX_ENABLE | UART_CTRL_RX_INTERRUPT;
}

int uart_device_receive(void)
{
    uint32_t state = UART_STATE;
    if ((state & UART_STATE_RX_FULL) != 0u) {
        return (int)(UART_DATA & 0xFFu);
    }
    if ((state & UART_STATE_OVERRUNS) != 0u) {
        UART_STATE = UART_STATE_OVERRUNS;
    }
    return -1;
}

void uart_device_await(void)
{
    UART_INTCLEAR = UART_INT_RX;
}

int uart_device_send(uint8_t byte)
{
    if ((UART_CTRL & UART_CTRL_TX_ENABLE) == 0u) {
        return 1;
    }
    if ((UART_STATE & UART_STATE_TX_FULL) != 0u) {
        return 0;
    }
    UART_DATA = byte;
    return 1;
}
