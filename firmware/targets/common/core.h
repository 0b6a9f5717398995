/* SPDX-License-Identifier: 0BSD */
/* Registers of the Cortex-M4 and Cortex-M7 core that the firmware uses.
 * Names and bits: Armv7-M Architecture Reference Manual (DDI 0403), chapter in brackets. */
#ifndef CORE_H
#define CORE_H

#include <stdint.h>

#ifndef REGISTER
#define REGISTER(address) (*(volatile uint32_t *)(address))
#endif

/* System control block (B3.2) */
#define SCB_ICSR REGISTER(0xE000ED04u)  /* Interrupt Control and State Register */
#define SCB_ICSR_PENDSTCLR (1u << 25)
#define SCB_VTOR REGISTER(0xE000ED08u)  /* Vector Table Offset Register */
#define SCB_CCR REGISTER(0xE000ED14u)   /* Configuration and Control Register */
#define SCB_CFSR REGISTER(0xE000ED28u)  /* Configurable Fault Status Register */
#define SCB_HFSR REGISTER(0xE000ED2Cu)  /* HardFault Status Register */
#define SCB_MMFAR REGISTER(0xE000ED34u) /* MemManage Fault Address Register */
#define SCB_BFAR REGISTER(0xE000ED38u)  /* BusFault Address Register */
#define SCB_CFSR_MSTKERR (1u << 4)
#define SCB_CFSR_MMARVALID (1u << 7)
#define SCB_CFSR_STKERR (1u << 12)
#define SCB_CFSR_BFARVALID (1u << 15)
#define SCB_CCR_DC (1u << 16)
#define SCB_CCR_IC (1u << 17)

/* System timer (B3.3) */
#define SYST_CSR REGISTER(0xE000E010u) /* SysTick Control and Status Register */
#define SYST_CSR_ENABLE (1u << 0)
#define SYST_CSR_TICKINT (1u << 1)
#define SYST_CSR_CLKSOURCE (1u << 2)
#define SYST_RVR REGISTER(0xE000E014u) /* SysTick Reload Value Register */
#define SYST_RVR_MAX 0xFFFFFFu
#define SYST_CVR REGISTER(0xE000E018u) /* SysTick Current Value Register */

/* Nested vectored interrupt controller (B3.4) */
#define NVIC_ISER(irq) REGISTER(0xE000E100u + 4u * ((irq) / 32u)) /* Interrupt Set-Enable Registers */
#define NVIC_ICER(irq) REGISTER(0xE000E180u + 4u * ((irq) / 32u)) /* Interrupt Clear-Enable Registers */
#define NVIC_ICPR(irq) REGISTER(0xE000E280u + 4u * ((irq) / 32u)) /* Interrupt Clear-Pending Registers */
#define NVIC_BIT(irq) (1u << ((irq) % 32u))

/* Caches (B2.2.7, Cortex-M7 only) */
#define SCB_CCSIDR REGISTER(0xE000ED80u) /* Cache Size ID Register */
#define SCB_CSSELR REGISTER(0xE000ED84u) /* Cache Size Selection Register */
#define SCB_ICIALLU REGISTER(0xE000EF50u)
#define SCB_DCISW REGISTER(0xE000EF60u)

/* Memory protection unit (B3.5) */
#define MPU_CTRL REGISTER(0xE000ED94u)
#define MPU_RNR REGISTER(0xE000ED98u)
#define MPU_RBAR REGISTER(0xE000ED9Cu)
#define MPU_RASR REGISTER(0xE000EDA0u)
#define MPU_CTRL_ENABLE (1u << 0)
#define MPU_CTRL_PRIVDEFENA (1u << 2)
#define MPU_RASR_ENABLE (1u << 0)
#define MPU_RASR_SIZE(log2_bytes) (((log2_bytes) - 1u) << 1)
#define MPU_RASR_SUBREGIONS_OFF(mask) ((mask) << 8)
#define MPU_RASR_WRITE_BACK (3u << 16) /* C and B */
#define MPU_RASR_FULL_ACCESS (3u << 24)
#define MPU_RASR_EXECUTE_NEVER (1u << 28)

/* Cycle counter (C1.8) and debug (C1.6) */
#define DEBUG_DEMCR REGISTER(0xE000EDFCu)
#define DEBUG_DEMCR_TRCENA (1u << 24)
#define DWT_CTRL REGISTER(0xE0001000u)
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_CYCCNT REGISTER(0xE0001004u)
#define DWT_LAR REGISTER(0xE0001FB0u) /* CoreSight lock, Cortex-M7 only */
#define DWT_LAR_UNLOCK 0xC5ACCE55u

static inline void core_data_barrier(void)
{
    __asm volatile("dsb" ::: "memory");
}

static inline void core_instruction_barrier(void)
{
    __asm volatile("isb" ::: "memory");
}

/* Interrupts wake the core from then on, but call no handler. */
static inline void core_mask_interrupts(void)
{
    __asm volatile("cpsid i" ::: "memory");
}

/* Interrupts call their handlers from then on, the pending ones at once. */
static inline void core_unmask_interrupts(void)
{
    __asm volatile("cpsie i\n\tisb" ::: "memory");
}

/* Sleeps until an interrupt is pending. */
static inline void core_wait_for_interrupt(void)
{
    __asm volatile("dsb\n\twfi\n\tisb" ::: "memory"); /* isb: STM32L4 may execute a stale fetch behind wfi */
}

#endif
