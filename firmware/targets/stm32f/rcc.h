/* SPDX-License-Identifier: 0BSD */
/* Registers of clocks, power and pins that STM32F4 and STM32F7 share. Each comment is the register's title in the
 * reference manuals RM0402 and RM0385, in the chapter that its prefix names. */
#ifndef RCC_H
#define RCC_H

#include "shared_registers.h"

/* Reads of a register at 16 MHz take some 0.5 us: this is about 100 ms, oscillators start in a few. */
#define FAMILY_CLOCK_ATTEMPTS 200000u

/* Reset and clock control */
#define RCC_CR REGISTER(0x40023800u)       /* RCC clock control register */
#define RCC_CR_HSION (1u << 0)
#define RCC_CR_HSIRDY (1u << 1)
#define RCC_PLLCFGR REGISTER(0x40023804u)  /* RCC PLL configuration register */
#define RCC_PLLCFGR_PLLM(divider) ((divider) << 0)
#define RCC_PLLCFGR_PLLN(factor) ((factor) << 6)
#define RCC_PLLCFGR_PLLP(divider) (((divider) / 2u - 1u) << 16)
#define RCC_PLLCFGR_PLLSRC_HSI (0u << 22)
#define RCC_PLLCFGR_PLLSRC_HSE (1u << 22)
#define RCC_PLLCFGR_PLLQ(divider) ((divider) << 24)
#define RCC_PLLCFGR_PLLR_RESET (2u << 28)  /* as after reset; reserved on STM32F74x */
#define RCC_CFGR REGISTER(0x40023808u)     /* RCC clock configuration register */
#define RCC_CFGR_SW_MASK (3u << 0)
#define RCC_CFGR_SW_HSI (0u << 0)
#define RCC_CFGR_SW_PLL (2u << 0)
#define RCC_CFGR_SWS_POSITION 2u
#define RCC_CFGR_DIVIDERS_MASK (0xFCF0u)   /* HPRE, PPRE1 and PPRE2; 0 is undivided */
#define RCC_CFGR_PPRE1(divider) (RCC_CFGR_PPRE(divider) << 10)
#define RCC_CFGR_PPRE2(divider) (RCC_CFGR_PPRE(divider) << 13)
#define RCC_CFGR_PPRE(divider) ((divider) == 1u ? 0u : (divider) == 2u ? 4u : 5u) /* of 1, 2 and 4 */
#define RCC_AHB1ENR REGISTER(0x40023830u)  /* RCC AHB1 peripheral clock register */
#define RCC_APB1ENR REGISTER(0x40023840u)  /* RCC APB1 peripheral clock enable register */
#define RCC_APB1ENR_PWREN (1u << 28)
#define RCC_APB2ENR REGISTER(0x40023844u)  /* RCC APB2 peripheral clock enable register */
#define RCC_CSR REGISTER(0x40023874u)      /* RCC clock control & status register */
#define RCC_CSR_RMVF (1u << 24)
#define RCC_CSR_IWDGRSTF (1u << 29)

/* Power control */
#define PWR_CR REGISTER(0x40007000u)       /* PWR power control register (1 on STM32F7) */
#define PWR_CR_VOS_SCALE1 (3u << 14)
#define PWR_CR_ODEN (1u << 16)             /* over-drive: STM32F7 */
#define PWR_CR_ODSWEN (1u << 17)
#define PWR_CSR REGISTER(0x40007004u)      /* PWR power control/status register (1 on STM32F7) */
#define PWR_CSR_VOSRDY (1u << 14)
#define PWR_CSR_ODRDY (1u << 16)
#define PWR_CSR_ODSWRDY (1u << 17)

/* Embedded flash memory */
#define FLASH_ACR REGISTER(0x40023C00u)    /* FLASH access control register */
#define FLASH_ACR_MASK 0x70Fu
#define FLASH_ACR_LATENCY(wait_states) ((wait_states) << 0)
#define FLASH_ACR_PRFTEN (1u << 8)

/* GPIO ports, 0x400 bytes each */
#define FAMILY_GPIO_ADDRESS 0x40020000u
#define FAMILY_GPIO_ENABLE RCC_AHB1ENR

/* Independent watchdog, and where its reset shows */
#define FAMILY_WATCHDOG_ADDRESS 0x40003000u
#define FAMILY_RESETS RCC_CSR
#define FAMILY_RESETS_WATCHDOG RCC_CSR_IWDGRSTF
#define FAMILY_RESETS_CLEAR RCC_CSR_RMVF

/* Where each UART is switched on; those from here on are clocked from APB2 */
#define APB2_ADDRESS 0x40010000u
#define USART1_ENABLE RCC_APB2ENR
#define USART1_ENABLE_BIT 4u
#define USART6_ENABLE RCC_APB2ENR
#define USART6_ENABLE_BIT 5u
#define USART2_ENABLE RCC_APB1ENR
#define USART2_ENABLE_BIT 17u
#define USART3_ENABLE RCC_APB1ENR
#define USART3_ENABLE_BIT 18u

#endif
