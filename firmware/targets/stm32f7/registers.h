/* SPDX-License-Identifier: 0BSD */
/* STM32F745, F746, F750, F756: what sets them apart from other STM32F. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include "rcc.h"
#include "usart_isr.h"

#define FAMILY_INTERRUPTS 98         /* positions 0 to 97 in RM0385's vector table */
#define FAMILY_VECTOR_ALIGNMENT 512  /* 114 words, rounded up */

/* Clocks at voltage scale 1 with over-drive: core 216 MHz, APB1 up to 54 MHz, APB2 up to 108 MHz */
#define FAMILY_CLOCK_HZ 216000000
#define FAMILY_OVERDRIVE 1
#define FAMILY_APB1_DIVIDER 4u
#define FAMILY_APB2_DIVIDER 2u

/* Seven wait states for 210 to 216 MHz. Accelerator and prefetch serve reads at 0x00200000 only; those at 0x08000000,
 * where the firmware lies, go through the core's caches, a line of the flash being a line of the cache. */
#define FLASH_ACR_ARTEN (1u << 9)
#define FAMILY_FLASH_ACR (FLASH_ACR_LATENCY(7u) | FLASH_ACR_PRFTEN | FLASH_ACR_ARTEN)

#define FAMILY_UART_CR1 0u

/* UARTs that STM32F412 does not have */
#define UART4_ENABLE RCC_APB1ENR
#define UART4_ENABLE_BIT 19u
#define UART5_ENABLE RCC_APB1ENR
#define UART5_ENABLE_BIT 20u
#define UART7_ENABLE RCC_APB1ENR
#define UART7_ENABLE_BIT 30u
#define UART8_ENABLE RCC_APB1ENR
#define UART8_ENABLE_BIT 31u

#endif
