/* SPDX-License-Identifier: 0BSD */
/* Registers of the STM32L4+ (L4R, L4S) that the firmware uses. Each comment is the register's title in the reference
 * manual RM0432, in the chapter that its prefix names. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include "shared_registers.h"
#include "usart_isr.h"

#define FAMILY_INTERRUPTS 95         /* positions 0 to 94 in RM0432's vector table */
#define FAMILY_VECTOR_ALIGNMENT 512  /* 111 words, rounded up */

/* Reads of a register at 4 MHz take some 2 us: this is about 200 ms, oscillators start in less than one. */
#define FAMILY_CLOCK_ATTEMPTS 100000u

/* Reset and clock control */
#define RCC_CR REGISTER(0x40021000u)       /* Clock control register */
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CFGR REGISTER(0x40021008u)     /* Clock configuration register */
#define RCC_CFGR_SW_MASK (3u << 0)
#define RCC_CFGR_SW_HSI16 (1u << 0)
#define RCC_CFGR_SW_PLL (3u << 0)
#define RCC_CFGR_SWS_POSITION 2u
#define RCC_CFGR_HPRE_MASK (15u << 4)
#define RCC_CFGR_HPRE_2 (8u << 4)
#define RCC_CFGR_PPRE_MASK (0x3Fu << 8)    /* PPRE1 and PPRE2 */
#define RCC_PLLCFGR REGISTER(0x4002100Cu)  /* PLL configuration register */
#define RCC_PLLCFGR_PLLSRC_HSI16 2u
#define RCC_PLLCFGR_PLLM(divider) (((divider) - 1u) << 4)
#define RCC_PLLCFGR_PLLN(factor) ((factor) << 8)
#define RCC_PLLCFGR_PLLREN (1u << 24)
#define RCC_PLLCFGR_PLLR(divider) (((divider) / 2u - 1u) << 25)
#define RCC_AHB2ENR REGISTER(0x4002104Cu)  /* AHB2 peripheral clock enable register */
#define RCC_APB1ENR1 REGISTER(0x40021058u) /* APB1 peripheral clock enable register 1 */
#define RCC_APB1ENR1_PWREN (1u << 28)
#define RCC_APB1ENR2 REGISTER(0x4002105Cu) /* APB1 peripheral clock enable register 2 */
#define RCC_APB2ENR REGISTER(0x40021060u)  /* APB2 peripheral clock enable register */
#define RCC_CSR REGISTER(0x40021094u)      /* Control/status register */
#define RCC_CSR_RMVF (1u << 23)
#define RCC_CSR_IWDGRSTF (1u << 29)

/* Power control */
#define PWR_CR1 REGISTER(0x40007000u)      /* Power control register 1 */
#define PWR_CR1_VOS_MASK (3u << 9)
#define PWR_CR1_VOS_RANGE1 (1u << 9)
#define PWR_CR2 REGISTER(0x40007004u)      /* Power control register 2 */
#define PWR_CR2_IOSV (1u << 9)
#define PWR_SR2 REGISTER(0x40007014u)      /* Power status register 2 */
#define PWR_SR2_VOSF (1u << 10)
#define PWR_CR5 REGISTER(0x40007080u)      /* Power control register 5 */
#define PWR_CR5_R1MODE (1u << 8)           /* 0 is boost */

/* Embedded flash memory */
#define FLASH_ACR REGISTER(0x40022000u)    /* Flash access control register */
#define FLASH_ACR_MASK 0x70Fu
#define FLASH_ACR_LATENCY(wait_states) ((wait_states) << 0)
#define FLASH_ACR_PRFTEN (1u << 8)
#define FLASH_ACR_ICEN (1u << 9)
#define FLASH_ACR_DCEN (1u << 10)

/* GPIO ports A to I, 0x400 bytes each */
#define FAMILY_GPIO_ADDRESS 0x48000000u
#define FAMILY_GPIO_ENABLE RCC_AHB2ENR

#define FAMILY_UART_CR1 UART_CR1_FIFOEN

/* Independent watchdog, and where its reset shows */
#define FAMILY_WATCHDOG_ADDRESS 0x40003000u
#define FAMILY_RESETS RCC_CSR
#define FAMILY_RESETS_WATCHDOG RCC_CSR_IWDGRSTF
#define FAMILY_RESETS_CLEAR RCC_CSR_RMVF

/* Where each UART is switched on */
#define USART1_ENABLE RCC_APB2ENR
#define USART1_ENABLE_BIT 14u
#define USART2_ENABLE RCC_APB1ENR1
#define USART2_ENABLE_BIT 17u
#define USART3_ENABLE RCC_APB1ENR1
#define USART3_ENABLE_BIT 18u
#define UART4_ENABLE RCC_APB1ENR1
#define UART4_ENABLE_BIT 19u
#define UART5_ENABLE RCC_APB1ENR1
#define UART5_ENABLE_BIT 20u
#define LPUART1_ENABLE RCC_APB1ENR2
#define LPUART1_ENABLE_BIT 0u

#endif
