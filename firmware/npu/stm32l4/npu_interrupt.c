/* SPDX-License-Identifier: 0BSD */
/* Interrupts only wake the core, but while that of the link is allowed: it alone has a handler. */
#include "board_config.h"
#include "core.h"
#include "npu_port.h"

/* The console's interrupt is off meanwhile: bytes from the host wait in the UART, as while a model runs. */
void npu_port_allow_interrupt(int allowed)
{
    if (allowed) {
        NVIC_ICER(BOARD_CONSOLE_IRQ) = NVIC_BIT(BOARD_CONSOLE_IRQ);
        core_data_barrier();
        core_unmask_interrupts();
    } else {
        core_mask_interrupts();
        NVIC_ISER(BOARD_CONSOLE_IRQ) = NVIC_BIT(BOARD_CONSOLE_IRQ);
    }
}
