/* SPDX-License-Identifier: 0BSD */
/* The link's SPI on STM32L4+: SPI2 at half the bus clock, DMA for both directions, three lines by hand. */
#include "npu_port.h"

#include <stddef.h>

#include "npu_config.h"
#include "npu_link.h"
#include "npu_pins.h"
#include "spi_registers.h"

#define CHANNELS_CLEAR (DMA_IFCR_CGIF1 | DMA_IFCR_CGIF2)

static const uint32_t idle_cr1 = SPI_CR1_MSTR | SPI_CR1_SSM | SPI_CR1_SSI | SPI_CR1_BR(NPU_SPI_EXPONENT);
static const uint32_t idle_cr2 = SPI_CR2_DS_8 | SPI_CR2_FRXTH;
static uint8_t zero, ignored; /* where the DMA reaches them */

void npu_port_open(void)
{
    pin_open_output(NPU_SELECT_PORT, NPU_SELECT_PIN);
    pin_open_output(NPU_RESET_PORT, NPU_RESET_PIN);
    pin_set_mode(NPU_READY_PORT, NPU_READY_PIN, GPIO_MODER_INPUT);
    enable_clock(&RCC_AHB1ENR, RCC_AHB1ENR_DMA1EN | RCC_AHB1ENR_DMAMUX1EN);
    enable_clock(&RCC_APB1ENR1, RCC_APB1ENR1_SPI2EN);
    SPI2_CR1 = idle_cr1;
    SPI2_CR2 = idle_cr2;
    DMAMUX1_C0CR = DMAMUX_REQUEST_SPI2_RX;
    DMAMUX1_C1CR = DMAMUX_REQUEST_SPI2_TX;
    DMA1_CPAR1 = SPI2_DR_ADDRESS;
    DMA1_CPAR2 = SPI2_DR_ADDRESS;
    NVIC_ISER(NPU_PORT_IRQ) = NVIC_BIT(NPU_PORT_IRQ);
    pin_open_alternate(NPU_SCK_PORT, NPU_SCK_PIN, NPU_SPI_FUNCTION);
    pin_open_alternate(NPU_MISO_PORT, NPU_MISO_PIN, NPU_SPI_FUNCTION);
    pin_open_alternate(NPU_MOSI_PORT, NPU_MOSI_PIN, NPU_SPI_FUNCTION);
}

void npu_port_reset(int asserted)
{
    pin_set(NPU_RESET_PORT, NPU_RESET_PIN, asserted == 0);
}

int npu_port_is_ready(void)
{
    return (GPIO(NPU_READY_PORT, GPIO_IDR) >> NPU_READY_PIN & 1u) != 0u;
}

/* The order that RM0432 asks for: receiving DMA request, channels, sending DMA request, SPI. The channel that receives is
 * done last: when it is, all is. */
void npu_port_begin(const uint8_t *out, uint8_t *in, uint32_t count)
{
    pin_set(NPU_SELECT_PORT, NPU_SELECT_PIN, 0);
    SPI2_CR2 = idle_cr2 | SPI_CR2_RXDMAEN;
    DMA1_CNDTR1 = count;
    DMA1_CMAR1 = (uint32_t)(uintptr_t)(out == NULL ? in : &ignored);
    DMA1_CCR1 = (out == NULL ? DMA_CCR_MINC : 0u) | DMA_CCR_TEIE | DMA_CCR_TCIE | DMA_CCR_EN;
    DMA1_CNDTR2 = count;
    DMA1_CMAR2 = (uint32_t)(uintptr_t)(out != NULL ? out : &zero);
    DMA1_CCR2 = DMA_CCR_DIR | (out != NULL ? DMA_CCR_MINC : 0u) | DMA_CCR_EN;
    SPI2_CR2 = idle_cr2 | SPI_CR2_RXDMAEN | SPI_CR2_TXDMAEN;
    __asm volatile("" ::: "memory"); /* what was written to `out` is there before the DMA reads it */
    SPI2_CR1 = idle_cr1 | SPI_CR1_SPE;
}

static int has_ended(void)
{
    return (DMA1_ISR & (DMA_ISR_TCIF1 | DMA_ISR_TEIF1)) != 0u;
}

/* Called by the vector NPU_PORT_IRQ, also where the flag that asked for it is cleared by now. */
void board_interrupt(void)
{
    if (has_ended()) {
        npu_link_advance();
    }
}

/* The clock is the SPI's own: an exchange ends. */
int npu_port_end(void)
{
    while (!has_ended()) {
        core_wait_for_interrupt();
    }
    __asm volatile("" ::: "memory"); /* `in` is read only now */
    int done = (DMA1_ISR & (DMA_ISR_TEIF1 | DMA_ISR_TEIF2)) == 0u && wait_for(&SPI2_SR, SPI_SR_BSY, 0u);
    DMA1_CCR1 = 0u;
    DMA1_CCR2 = 0u;
    DMA1_IFCR = CHANNELS_CLEAR;
    NVIC_ICPR(NPU_PORT_IRQ) = NVIC_BIT(NPU_PORT_IRQ);
    SPI2_CR1 = idle_cr1;
    SPI2_CR2 = idle_cr2;
    pin_set(NPU_SELECT_PORT, NPU_SELECT_PIN, 1);
    return done ? 0 : -1;
}
