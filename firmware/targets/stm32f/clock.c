/* SPDX-License-Identifier: 0BSD */
/* STM32F4 and STM32F7 to their highest clock: 100 MHz (F412) and 216 MHz (F746), which needs the over-drive.
 *
 * The voltage scale can be chosen while the PLL is off, and takes effect when it is on. Without the external clock the
 * PLL runs from the internal oscillator; without the PLL the core does, at 16 MHz. */
#include "board_config.h"
#include "clock_steps.h"

#if BOARD_CLOCK_HZ != FAMILY_CLOCK_HZ
#error "this family sets the core to FAMILY_CLOCK_HZ (registers.h): say that as clock_hz in the board file"
#endif
#if BOARD_EXTERNAL_CLOCK_HZ % 2000000 != 0 || BOARD_EXTERNAL_CLOCK_HZ > 50000000
#error "the PLL wants 2 MHz: an external clock must be a multiple of it, up to 50 MHz; else leave external_clock_hz out"
#endif

#define HSI_HZ 16000000u
#define PLL_REFERENCE_HZ 2000000u /* of 1 to 2 MHz the one with the least jitter */
#define PLL_DIVIDER 2u            /* of the output for the core */
#define PLL_FACTOR (BOARD_CLOCK_HZ * PLL_DIVIDER / PLL_REFERENCE_HZ)
#define USB_HZ 48000000u /* the most that output Q may have */
#define PLL_USB_DIVIDER ((BOARD_CLOCK_HZ * PLL_DIVIDER + USB_HZ - 1u) / USB_HZ)

/* HSI with all dividers at 1 and the PLL off, whatever a boot loader left. */
static int start_hsi(void)
{
    if (!rcc_start(RCC_CR_HSION, RCC_CR_HSIRDY) || !rcc_switch_to(RCC_CFGR_SW_HSI)) {
        return 0;
    }
    RCC_CFGR &= ~RCC_CFGR_DIVIDERS_MASK;
    return rcc_stop_pll();
}

static int start_pll(void)
{
    uint32_t source = RCC_PLLCFGR_PLLM(HSI_HZ / PLL_REFERENCE_HZ) | RCC_PLLCFGR_PLLSRC_HSI;
    if (BOARD_EXTERNAL_CLOCK_HZ != 0 && rcc_start_external(BOARD_EXTERNAL_CRYSTAL)) {
        source = RCC_PLLCFGR_PLLM(BOARD_EXTERNAL_CLOCK_HZ / PLL_REFERENCE_HZ) | RCC_PLLCFGR_PLLSRC_HSE;
    }
    RCC_PLLCFGR = source | RCC_PLLCFGR_PLLN(PLL_FACTOR) | RCC_PLLCFGR_PLLP(PLL_DIVIDER) |
                  RCC_PLLCFGR_PLLQ(PLL_USB_DIVIDER) | RCC_PLLCFGR_PLLR_RESET;
    return rcc_start_pll();
}

/* Switches the regulator to over-drive. No peripheral but PWR may have its clock meanwhile. */
static int start_overdrive(void)
{
    PWR_CR |= PWR_CR_ODEN;
    if (!wait_for(&PWR_CSR, PWR_CSR_ODRDY, PWR_CSR_ODRDY)) {
        return 0;
    }
    PWR_CR |= PWR_CR_ODSWEN;
    return wait_for(&PWR_CSR, PWR_CSR_ODSWRDY, PWR_CSR_ODSWRDY);
}

static int raise_voltage(void)
{
    return wait_for(&PWR_CSR, PWR_CSR_VOSRDY, PWR_CSR_VOSRDY) && (FAMILY_OVERDRIVE == 0 || start_overdrive());
}

/* Dividers first, so that no bus is ever too fast. */
static int switch_to_pll(void)
{
    RCC_CFGR |= RCC_CFGR_PPRE1(FAMILY_APB1_DIVIDER) | RCC_CFGR_PPRE2(FAMILY_APB2_DIVIDER);
    if (rcc_switch_to(RCC_CFGR_SW_PLL)) {
        return 1;
    }
    (void)rcc_switch_to(RCC_CFGR_SW_HSI);
    RCC_CFGR &= ~RCC_CFGR_DIVIDERS_MASK;
    return 0;
}

void family_start_core(void)
{
}

target_clocks family_start_clocks(void)
{
    enable_clock(&RCC_APB1ENR, RCC_APB1ENR_PWREN);
    if (start_hsi()) {
        PWR_CR |= PWR_CR_VOS_SCALE1;
        if (start_pll() && raise_voltage() && flash_configure(FAMILY_FLASH_ACR) && switch_to_pll()) {
            uint32_t divider = BOARD_CONSOLE_ADDRESS < APB2_ADDRESS ? FAMILY_APB1_DIVIDER : FAMILY_APB2_DIVIDER;
            return (target_clocks){.core = BOARD_CLOCK_HZ, .console = BOARD_CLOCK_HZ / divider};
        }
    }
    return (target_clocks){.core = HSI_HZ, .console = HSI_HZ};
}
