/* SPDX-License-Identifier: 0BSD */
/* Registers of the STM32L4+ for a link over SDMMC1 with its own DMA. Each comment is the register's title in the reference
 * manual RM0432, in the chapter that its prefix names. */
#ifndef SDMMC_REGISTERS_H
#define SDMMC_REGISTERS_H

#include "link_registers.h"

/* Reset and clock control */
#define RCC_AHB2ENR_SDMMC1EN (1u << 22)
#define RCC_CCIPR REGISTER(0x40021088u)  /* Peripherals independent clock configuration register */
#define RCC_CCIPR_CLK48SEL_MASK (3u << 26) /* 0: HSI48 */
#define RCC_CRRCR REGISTER(0x40021098u)  /* Clock recovery RC register */
#define RCC_CRRCR_HSI48ON (1u << 0)
#define RCC_CRRCR_HSI48RDY (1u << 1)
#define RCC_CCIPR2 REGISTER(0x4002109Cu) /* Peripherals independent clock configuration register 2 */
#define RCC_CCIPR2_SDMMCSEL (1u << 14)   /* 0: the clock of CLK48SEL */

/* Secure digital input/output MultiMediaCard interface */
#define SDMMC1_INTERRUPT 49u
#define SDMMC1_POWER REGISTER(0x50062400u) /* SDMMC power control register */
#define SDMMC_POWER_PWRCTRL_ON 3u
#define SDMMC1_CLKCR REGISTER(0x50062404u) /* SDMMC clock control register */
#define SDMMC_CLKCR_CLKDIV(half) ((half) << 0) /* the clock is divided by twice it; 0: not divided */
#define SDMMC_CLKCR_WIDBUS_4 (1u << 14)
#define SDMMC1_ARG REGISTER(0x50062408u)   /* SDMMC argument register */
#define SDMMC1_CMD REGISTER(0x5006240Cu)   /* SDMMC command register */
#define SDMMC_CMD_CMDTRANS (1u << 6)
#define SDMMC_CMD_CMDSTOP (1u << 7)
#define SDMMC_CMD_WAITRESP_CHECKED (1u << 8)   /* a short response, whose CRC is checked */
#define SDMMC_CMD_WAITRESP_UNCHECKED (2u << 8) /* a short one without CRC: R4 */
#define SDMMC_CMD_CPSMEN (1u << 12)
#define SDMMC1_RESP1 REGISTER(0x50062414u)  /* SDMMC response 1 register */
#define SDMMC1_DTIMER REGISTER(0x50062424u) /* SDMMC data timer register */
#define SDMMC1_DLEN REGISTER(0x50062428u)   /* SDMMC data length register */
#define SDMMC1_DCTRL REGISTER(0x5006242Cu)  /* SDMMC data control register */
#define SDMMC_DCTRL_DTDIR (1u << 1)         /* from the card */
#define SDMMC_DCTRL_DBLOCKSIZE(exponent) ((exponent) << 4)
#define SDMMC1_STA REGISTER(0x50062434u)    /* SDMMC status register */
#define SDMMC_STA_CCRCFAIL (1u << 0)
#define SDMMC_STA_DCRCFAIL (1u << 1)
#define SDMMC_STA_CTIMEOUT (1u << 2)
#define SDMMC_STA_DTIMEOUT (1u << 3)
#define SDMMC_STA_CMDREND (1u << 6)
#define SDMMC_STA_DATAEND (1u << 8)
#define SDMMC1_ICR REGISTER(0x50062438u)    /* SDMMC interrupt clear register */
#define SDMMC_ICR_ALL 0x1FE00FFFu
#define SDMMC1_MASK REGISTER(0x5006243Cu)   /* SDMMC mask register: bits as in SDMMC_STA */
#define SDMMC1_IDMACTRL REGISTER(0x50062450u) /* SDMMC DMA control register */
#define SDMMC_IDMACTRL_IDMAEN (1u << 0)
#define SDMMC1_IDMABASE0 REGISTER(0x50062458u) /* SDMMC IDMA buffer 0 base address register */

#endif
