/* SPDX-License-Identifier: 0BSD */
/* Registers of the STM32L4+ that a link needs over SPI and over SDIO. Each comment is the register's title in the reference
 * manual RM0432, in the chapter that its prefix names. */
#ifndef LINK_REGISTERS_H
#define LINK_REGISTERS_H

#include "core.h"

/* Reset and clock control */
#define RCC_AHB1ENR REGISTER(0x40021048u) /* AHB1 peripheral clock enable register */
#define RCC_AHB1ENR_CRCEN (1u << 12)

/* Pins: offsets from a port's first register */
#define GPIO_MODER_INPUT 0u
#define GPIO_MODER_OUTPUT 1u
#define GPIO_OSPEEDR 0x08u /* GPIO port output speed register: 2 bits per pin */
#define GPIO_OSPEEDR_VERY_HIGH 3u
#define GPIO_PUPDR 0x0Cu   /* GPIO port pull-up/pull-down register: 2 bits per pin */
#define GPIO_PUPDR_UP 1u
#define GPIO_IDR 0x10u     /* GPIO port input data register */
#define GPIO_BSRR 0x18u    /* GPIO port bit set/reset register: 16 bits that set, 16 that reset */

/* CRC calculation unit: its polynomial after reset is that of CRC-32 */
#define CRC_DR REGISTER(0x40023000u)   /* CRC data register */
#define CRC_CR REGISTER(0x40023008u)   /* CRC control register */
#define CRC_CR_RESET (1u << 0)
#define CRC_CR_REV_IN_WORD (3u << 5)
#define CRC_CR_REV_OUT (1u << 7)
#define CRC_INIT REGISTER(0x40023010u) /* CRC initial value register */

#endif
