/* SPDX-License-Identifier: 0BSD */
/* Registers and bits that are the same in all STM32 families here, but for their address. Each comment is the register's
 * title in the reference manuals RM0385, RM0402, RM0432 and RM0433, in the chapter that its prefix names. */
#ifndef SHARED_REGISTERS_H
#define SHARED_REGISTERS_H

#include "core.h"

/* Reset and clock control: bits of RCC_CR */
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLLON (1u << 24) /* of the first PLL, where there are several */
#define RCC_CR_PLLRDY (1u << 25)

/* General-purpose I/O: ports of 0x400 bytes */
#define GPIO(port, offset) REGISTER(FAMILY_GPIO_ADDRESS + 0x400u * (port) + (offset))
#define GPIO_MODER 0x00u /* GPIO port mode register: 2 bits per pin */
#define GPIO_MODER_ALTERNATE 2u
#define GPIO_PUPDR 0x0Cu /* GPIO port pull-up/pull-down register: 2 bits per pin */
#define GPIO_PUPDR_UP 1u
#define GPIO_AFR 0x20u   /* GPIO alternate function low and high register: 4 bits per pin */

/* USART: bits of the control and of the status register, in both generations */
#define UART_CR1_RE (1u << 2)
#define UART_CR1_TE (1u << 3)
#define UART_CR1_RXNEIE (1u << 5)
#define UART_STATUS_ERRORS 0xFu /* PE, FE, NE, ORE */
#define UART_STATUS_RXNE (1u << 5)
#define UART_STATUS_TXE (1u << 7)

/* Independent watchdog */
#define IWDG(offset) REGISTER(FAMILY_WATCHDOG_ADDRESS + (offset))
#define IWDG_KR IWDG(0x00u)  /* IWDG key register */
#define IWDG_KR_START 0xCCCCu
#define IWDG_KR_UNLOCK 0x5555u
#define IWDG_KR_FEED 0xAAAAu
#define IWDG_PR IWDG(0x04u)  /* IWDG prescaler register: 4 times 2 to the power of it */
#define IWDG_RLR IWDG(0x08u) /* IWDG reload register */
#define IWDG_SR IWDG(0x0Cu)  /* IWDG status register */
#define IWDG_SR_PVU (1u << 0)
#define IWDG_SR_RVU (1u << 1)

#endif
