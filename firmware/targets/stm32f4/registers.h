/* SPDX-License-Identifier: 0BSD */
/* STM32F412: what sets it apart from other STM32F. Other STM32F4 have other limits. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include "rcc.h"
#include "usart_sr.h"

#define FAMILY_INTERRUPTS 97         /* positions 0 to 96 in RM0402's vector table */
#define FAMILY_VECTOR_ALIGNMENT 512  /* 113 words, rounded up */

/* Clocks at voltage scale 1: core 100 MHz, APB1 up to 50 MHz, APB2 up to 100 MHz */
#define FAMILY_CLOCK_HZ 100000000
#define FAMILY_OVERDRIVE 0
#define FAMILY_APB1_DIVIDER 2u
#define FAMILY_APB2_DIVIDER 1u

/* Three wait states for 90 to 100 MHz; prefetch, instruction and data cache */
#define FLASH_ACR_ICEN (1u << 9)
#define FLASH_ACR_DCEN (1u << 10)
#define FAMILY_FLASH_ACR (FLASH_ACR_LATENCY(3u) | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN)

#define FAMILY_UART_CR1 0u

#endif
