/* SPDX-License-Identifier: 0BSD */
/* Registers of the STM32H742/743/750/753 that the firmware uses. Each comment is the register's title in the
 * reference manual RM0433, in the chapter that its prefix names. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include "shared_registers.h"
#include "usart_isr.h"

#define FAMILY_INTERRUPTS 150          /* positions 0 to 149 in RM0433's vector table */
#define FAMILY_VECTOR_ALIGNMENT 1024   /* 166 words, rounded up */

/* Reads of a register at 64 MHz take some 0.2 us: this is about 100 ms, oscillators start in a few. */
#define FAMILY_CLOCK_ATTEMPTS 500000u

/* Reset and clock control */
#define RCC_CR REGISTER(0x58024400u)        /* RCC source control register */
#define RCC_CR_HSION (1u << 0)
#define RCC_CR_HSIRDY (1u << 2)
#define RCC_CFGR REGISTER(0x58024410u)      /* RCC clock configuration register */
#define RCC_CFGR_SW_MASK (7u << 0)
#define RCC_CFGR_SW_HSI (0u << 0)
#define RCC_CFGR_SW_PLL1 (3u << 0)
#define RCC_CFGR_SWS_POSITION 3u
#define RCC_D1CFGR REGISTER(0x58024418u)    /* RCC domain 1 clock configuration register */
#define RCC_D1CFGR_HPRE_2 (8u << 0)
#define RCC_D1CFGR_D1PPRE_2 (4u << 4)
#define RCC_D2CFGR REGISTER(0x5802441Cu)    /* RCC domain 2 clock configuration register */
#define RCC_D2CFGR_D2PPRE1_2 (4u << 4)
#define RCC_D2CFGR_D2PPRE2_2 (4u << 8)
#define RCC_D3CFGR REGISTER(0x58024420u)    /* RCC domain 3 clock configuration register */
#define RCC_D3CFGR_D3PPRE_2 (4u << 4)
#define RCC_PLLCKSELR REGISTER(0x58024428u) /* RCC PLLs clock source selection register */
#define RCC_PLLCKSELR_PLLSRC_HSI 0u
#define RCC_PLLCKSELR_PLLSRC_HSE 2u
#define RCC_PLLCKSELR_DIVM1(divider) ((divider) << 4)
#define RCC_PLLCKSELR_DIVM23_RESET 0x02020000u /* DIVM2 and DIVM3 as after reset */
#define RCC_PLLCFGR REGISTER(0x5802442Cu)   /* RCC PLLs configuration register */
#define RCC_PLLCFGR_PLL1VCOSEL_WIDE (0u << 1)
#define RCC_PLLCFGR_PLL1RGE_4_TO_8_MHZ (2u << 2)
#define RCC_PLLCFGR_OUTPUTS_RESET 0x01FF0000u /* all dividers' outputs enabled, as after reset */
#define RCC_PLL1DIVR REGISTER(0x58024430u)  /* RCC PLL1 dividers configuration register */
#define RCC_PLL1DIVR_NPQR(n, p, q, r) (((n) - 1u) | (((p) - 1u) << 9) | (((q) - 1u) << 16) | (((r) - 1u) << 24))
#define RCC_PLL1FRACR REGISTER(0x58024434u) /* RCC PLL1 fractional divider register */
#define RCC_AHB4ENR REGISTER(0x580244E0u)   /* RCC AHB4 clock register */
#define RCC_APB1LENR REGISTER(0x580244E8u)  /* RCC APB1 clock register (low) */
#define RCC_APB2ENR REGISTER(0x580244F0u)   /* RCC APB2 clock register */
#define RCC_APB4ENR REGISTER(0x580244F4u)   /* RCC APB4 clock register */
#define RCC_APB4ENR_SYSCFGEN (1u << 1)

#define RCC_RSR REGISTER(0x580244D0u)       /* RCC reset status register */
#define RCC_RSR_RMVF (1u << 16)
#define RCC_RSR_IWDG1RSTF (1u << 26)

/* Power control */
#define PWR_CSR1 REGISTER(0x58024804u)      /* PWR control status register 1 */
#define PWR_CSR1_ACTVOSRDY (1u << 13)
#define PWR_CR3 REGISTER(0x5802480Cu)       /* PWR control register 3 */
#define PWR_CR3_BYPASS (1u << 0)
#define PWR_CR3_LDOEN (1u << 1)
#define PWR_CR3_SCUEN (1u << 2)
#define PWR_D3CR REGISTER(0x58024818u)      /* PWR D3 domain control register */
#define PWR_D3CR_VOSRDY (1u << 13)
#define PWR_D3CR_VOS_MASK (3u << 14)
#define PWR_D3CR_VOS_1 (3u << 14)

/* System configuration controller */
#define SYSCFG_PWRCR REGISTER(0x5800042Cu)  /* SYSCFG power control register */
#define SYSCFG_PWRCR_ODEN (1u << 0)

/* Embedded flash memory */
#define FLASH_ACR REGISTER(0x52002000u)     /* FLASH access control register */
#define FLASH_ACR_MASK 0x3Fu
#define FLASH_ACR_LATENCY(wait_states) ((wait_states) << 0)
#define FLASH_ACR_WRHIGHFREQ(delay) ((delay) << 4)

/* Flexible memory controller */
#define FMC_BCR1 REGISTER(0x52004000u)      /* SRAM/NOR-flash chip-select control register for bank 1 */
#define FMC_BCR1_OFF 0x000030D2u            /* its reset value without MBKEN */

/* Debug infrastructure */
#define DBGMCU_IDC REGISTER(0x5C001000u)    /* DBGMCU identity code register */

/* GPIO ports A to K, 0x400 bytes each */
#define FAMILY_GPIO_ADDRESS 0x58020000u
#define FAMILY_GPIO_ENABLE RCC_AHB4ENR

#define FAMILY_UART_CR1 UART_CR1_FIFOEN

/* Independent watchdog IWDG1, and where its reset shows */
#define FAMILY_WATCHDOG_ADDRESS 0x58004800u
#define FAMILY_RESETS RCC_RSR
#define FAMILY_RESETS_WATCHDOG RCC_RSR_IWDG1RSTF
#define FAMILY_RESETS_CLEAR RCC_RSR_RMVF

/* Where each UART is switched on */
#define USART1_ENABLE RCC_APB2ENR
#define USART1_ENABLE_BIT 4u
#define USART6_ENABLE RCC_APB2ENR
#define USART6_ENABLE_BIT 5u
#define USART2_ENABLE RCC_APB1LENR
#define USART2_ENABLE_BIT 17u
#define USART3_ENABLE RCC_APB1LENR
#define USART3_ENABLE_BIT 18u
#define UART4_ENABLE RCC_APB1LENR
#define UART4_ENABLE_BIT 19u
#define UART5_ENABLE RCC_APB1LENR
#define UART5_ENABLE_BIT 20u
#define UART7_ENABLE RCC_APB1LENR
#define UART7_ENABLE_BIT 30u
#define UART8_ENABLE RCC_APB1LENR
#define UART8_ENABLE_BIT 31u

#endif
