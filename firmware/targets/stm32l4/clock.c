/* SPDX-License-Identifier: 0BSD */
/* STM32L4+ to 120 MHz, all buses included, from the internal 16 MHz oscillator: external ones differ from board to
 * board. Above 80 MHz the regulator must be boosted and the bus clock must pass through half its speed.
 * Where the PLL does not lock the core stays at 16 MHz. */
#include "board_config.h"
#include "clock_steps.h"

#if BOARD_CLOCK_HZ != 120000000
#error "family stm32l4 sets the core to 120 MHz: say clock_hz = 120_000_000 in the board file"
#endif

#define HSI16_HZ 16000000u
#define MSI_RESET_HZ 4000000u
#define PORT_G 6u

/* HSI16 with all dividers at 1 and the PLL off, whatever a boot loader left. */
static int start_hsi16(void)
{
    if (!rcc_start(RCC_CR_HSION, RCC_CR_HSIRDY) || !rcc_switch_to(RCC_CFGR_SW_HSI16)) {
        return 0;
    }
    RCC_CFGR &= ~(RCC_CFGR_HPRE_MASK | RCC_CFGR_PPRE_MASK);
    return rcc_stop_pll();
}

/* Range 1 with boost, and the supply of port G where the console needs it. */
static int raise_voltage(void)
{
    enable_clock(&RCC_APB1ENR1, RCC_APB1ENR1_PWREN);
    PWR_CR1 = (PWR_CR1 & ~PWR_CR1_VOS_MASK) | PWR_CR1_VOS_RANGE1;
    if (!wait_for(&PWR_SR2, PWR_SR2_VOSF, 0u)) {
        return 0;
    }
    PWR_CR5 &= ~PWR_CR5_R1MODE;
    if (BOARD_CONSOLE_TX_PORT == PORT_G || BOARD_CONSOLE_RX_PORT == PORT_G) {
        PWR_CR2 |= PWR_CR2_IOSV; /* VDDIO2 is there: connects PG2 to PG15 */
    }
    return wait_for(&PWR_SR2, PWR_SR2_VOSF, 0u);
}

/* 16 MHz / 2 * 30 / 2 = 120 MHz; the VCO runs at 240 of at most 344 MHz. */
static int start_pll(void)
{
    RCC_PLLCFGR = RCC_PLLCFGR_PLLSRC_HSI16 | RCC_PLLCFGR_PLLM(2u) | RCC_PLLCFGR_PLLN(30u) | RCC_PLLCFGR_PLLR(2u) |
                  RCC_PLLCFGR_PLLREN;
    return rcc_start_pll();
}

/* Five wait states are for 100 to 120 MHz in range 1. */
static int start_flash_cache(void)
{
    return flash_configure(FLASH_ACR_LATENCY(5u) | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN);
}

static int switch_to_pll(void)
{
    RCC_CFGR = (RCC_CFGR & ~RCC_CFGR_HPRE_MASK) | RCC_CFGR_HPRE_2;
    if (!rcc_switch_to(RCC_CFGR_SW_PLL)) {
        (void)rcc_switch_to(RCC_CFGR_SW_HSI16);
        RCC_CFGR &= ~RCC_CFGR_HPRE_MASK;
        return 0;
    }
    for (uint32_t loops = 60u; loops != 0u; --loops) { /* at least 1 us: 60 cycles of 60 MHz */
        __asm volatile("nop");
    }
    RCC_CFGR &= ~RCC_CFGR_HPRE_MASK;
    return 1;
}

void family_start_core(void)
{
}

target_clocks family_start_clocks(void)
{
    int on_hsi16 = start_hsi16();
    if (raise_voltage() && on_hsi16 && start_flash_cache() && start_pll() && switch_to_pll()) {
        return (target_clocks){.core = BOARD_CLOCK_HZ, .console = BOARD_CLOCK_HZ};
    }
    uint32_t hz = on_hsi16 ? HSI16_HZ : MSI_RESET_HZ;
    return (target_clocks){.core = hz, .console = hz};
}
