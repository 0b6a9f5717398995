/* SPDX-License-Identifier: 0BSD */
/* Registers of the STM32L4+ for a link over SPI2 with DMA. Each comment is the register's title in the reference manual
 * RM0432, in the chapter that its prefix names. */
#ifndef SPI_REGISTERS_H
#define SPI_REGISTERS_H

#include "link_registers.h"

/* Reset and clock control */
#define RCC_AHB1ENR_DMA1EN (1u << 0)
#define RCC_AHB1ENR_DMAMUX1EN (1u << 2)
#define RCC_APB1ENR1_SPI2EN (1u << 14)

/* Serial peripheral interface */
#define SPI2_CR1 REGISTER(0x40003800u) /* SPI control register 1 */
#define SPI_CR1_MSTR (1u << 2)
#define SPI_CR1_BR(exponent) (((exponent) - 1u) << 3) /* the clock is divided by 2 to the power of it */
#define SPI_CR1_SPE (1u << 6)
#define SPI_CR1_SSI (1u << 8)
#define SPI_CR1_SSM (1u << 9)
#define SPI2_CR2 REGISTER(0x40003804u) /* SPI control register 2 */
#define SPI_CR2_RXDMAEN (1u << 0)
#define SPI_CR2_TXDMAEN (1u << 1)
#define SPI_CR2_DS_8 (7u << 8)
#define SPI_CR2_FRXTH (1u << 12)
#define SPI2_SR REGISTER(0x40003808u)  /* SPI status register */
#define SPI_SR_BSY (1u << 7)
#define SPI2_DR_ADDRESS 0x4000380Cu    /* SPI data register */

/* Direct memory access: channel 1 receives, channel 2 sends */
#define DMA1_ISR REGISTER(0x40020000u)  /* DMA interrupt status register */
#define DMA_ISR_TCIF1 (1u << 1)
#define DMA_ISR_TEIF1 (1u << 3)
#define DMA_ISR_TEIF2 (1u << 7)
#define DMA1_IFCR REGISTER(0x40020004u) /* DMA interrupt flag clear register */
#define DMA_IFCR_CGIF1 (1u << 0)
#define DMA_IFCR_CGIF2 (1u << 4)
#define DMA1_CCR1 REGISTER(0x40020008u)   /* DMA channel x configuration register */
#define DMA1_CNDTR1 REGISTER(0x4002000Cu) /* DMA channel x number of data to transfer register */
#define DMA1_CPAR1 REGISTER(0x40020010u)  /* DMA channel x peripheral address register */
#define DMA1_CMAR1 REGISTER(0x40020014u)  /* DMA channel x memory 0 address register */
#define DMA1_CCR2 REGISTER(0x4002001Cu)
#define DMA1_CNDTR2 REGISTER(0x40020020u)
#define DMA1_CPAR2 REGISTER(0x40020024u)
#define DMA1_CMAR2 REGISTER(0x40020028u)
#define DMA_CCR_EN (1u << 0)
#define DMA_CCR_TCIE (1u << 1)
#define DMA_CCR_TEIE (1u << 3)
#define DMA_CCR_DIR (1u << 4) /* reads from memory */
#define DMA_CCR_MINC (1u << 7)

/* DMA request multiplexer: channel x of it is channel x + 1 of DMA1 */
#define DMAMUX1_C0CR REGISTER(0x40020800u) /* DMAMUX request line multiplexer channel x configuration register */
#define DMAMUX1_C1CR REGISTER(0x40020804u)
#define DMAMUX_REQUEST_SPI2_RX 12u
#define DMAMUX_REQUEST_SPI2_TX 13u

#endif
