/* SPDX-License-Identifier: 0BSD */
/* The console: a ring of received bytes over the family's UART.
 *
 * Reception is polled in uart_get and while uart_put waits, so a host may send while the board answers. While a model
 * runs nothing polls: the UART keeps 1 byte (STM32F4, F7, MPS2), 8 (L4+) or 16 (H7), the rest is lost and the protocol
 * repeats it. */
#include "uart.h"

#include "board_config.h"
#include "core.h"
#include "uart_device.h"

/* Looks at a UART that cannot send. One takes some 50 ns, a byte at 115200 baud 87 us: this is 5000 of them. */
#define SEND_ATTEMPTS 10000000u

static uint8_t received[256];
static uint8_t oldest;
static uint8_t next; /* index of the next byte to arrive; both indices wrap at 256 */

/* Moves what has arrived into the ring; a full ring drops the newest. */
static void collect(void)
{
    for (int byte = uart_device_receive(); byte >= 0; byte = uart_device_receive()) {
        if ((uint8_t)(next + 1u) != oldest) {
            received[next] = (uint8_t)byte;
            next = (uint8_t)(next + 1u);
        }
    }
}

void uart_init(uint32_t kernel_hz)
{
    uart_device_start(kernel_hz);
    core_mask_interrupts();
    NVIC_ISER(BOARD_CONSOLE_IRQ) = NVIC_BIT(BOARD_CONSOLE_IRQ);
}

void uart_put(uint8_t byte)
{
    for (uint32_t attempts = SEND_ATTEMPTS; attempts != 0u; --attempts) {
        collect();
        if (uart_device_send(byte)) {
            return;
        }
    }
}

/* A byte that arrives behind collect() makes the interrupt pending, and the core does not fall asleep. */
void uart_wait(void)
{
    uart_device_await();
    NVIC_ICPR(BOARD_CONSOLE_IRQ) = NVIC_BIT(BOARD_CONSOLE_IRQ);
    collect();
    if (oldest == next) {
        core_wait_for_interrupt();
    }
}

int uart_get(void)
{
    collect();
    if (oldest == next) {
        return -1;
    }
    uint8_t byte = received[oldest];
    oldest = (uint8_t)(oldest + 1u);
    return byte;
}
