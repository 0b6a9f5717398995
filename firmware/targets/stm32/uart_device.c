/* SPDX-License-Identifier: 0BSD */
/* The console's USART; the family's registers.h includes the header of its generation. */
#include "uart_device.h"

#include "board_config.h"
#include "family.h"
#include "registers.h"

static void set_field(volatile uint32_t *address, uint32_t position, uint32_t mask, uint32_t value)
{
    *address = (*address & ~(mask << position)) | (value << position);
}

static void connect_pin(uint32_t port, uint32_t pin, uint32_t function)
{
    enable_clock(&FAMILY_GPIO_ENABLE, 1u << port);
    set_field(&GPIO(port, GPIO_PUPDR), 2u * pin, 3u, GPIO_PUPDR_UP);
    set_field(&GPIO(port, GPIO_AFR + 4u * (pin / 8u)), 4u * (pin % 8u), 15u, function);
    set_field(&GPIO(port, GPIO_MODER), 2u * pin, 3u, GPIO_MODER_ALTERNATE);
}

/* The baud-rate register, rounded: a USART divides its clock by it, an LPUART 256 times its clock.
 * The remainder is below the baud rate, so that 256 times it stays below 2^32 up to 16 Mbaud. */
static uint32_t divider(uint32_t kernel_hz)
{
    uint32_t baud = BOARD_CONSOLE_BAUD;
    uint32_t factor = BOARD_CONSOLE_LPUART != 0 ? 256u : 1u;
    return factor * (kernel_hz / baud) + (factor * (kernel_hz % baud) + baud / 2u) / baud;
}

void uart_device_start(uint32_t kernel_hz)
{
    connect_pin(BOARD_CONSOLE_TX_PORT, BOARD_CONSOLE_TX_PIN, BOARD_CONSOLE_TX_FUNCTION);
    connect_pin(BOARD_CONSOLE_RX_PORT, BOARD_CONSOLE_RX_PIN, BOARD_CONSOLE_RX_FUNCTION);
    enable_clock(&BOARD_CONSOLE_ENABLE, 1u << BOARD_CONSOLE_ENABLE_BIT);
    UART_CR1 = 0u; /* most fields can be written only while the UART is off */
    UART_CR2 = 0u;
    UART_CR3 = 0u;
    UART_BRR = divider(kernel_hz);
    UART_CR1 = FAMILY_UART_CR1;
    UART_CR1 = FAMILY_UART_CR1 | UART_CR1_TE | UART_CR1_RE | UART_CR1_RXNEIE | UART_CR1_UE;
}

int uart_device_receive(void)
{
    uint32_t status = UART_STATUS;
    if ((status & UART_STATUS_RXNE) != 0u) {
        return (int)(UART_RECEIVE & 0xFFu);
    }
    if ((status & UART_STATUS_ERRORS) != 0u) {
        UART_CLEAR_ERRORS();
    }
    return -1;
}

void uart_device_await(void)
{
    /* The interrupt lasts as long as there is a byte. */
}

int uart_device_send(uint8_t byte)
{
    if ((UART_CR1 & UART_CR1_UE) == 0u) {
        return 1;
    }
    if ((UART_STATUS & UART_STATUS_TXE) == 0u) {
        return 0;
    }
    UART_TRANSMIT = byte;
    return 1;
}
