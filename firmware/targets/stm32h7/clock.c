/* SPDX-License-Identifier: 0BSD */
/* STM32H743 to 480 MHz: core 480, AXI and AHB 240, all APB and the console UART 120 MHz.
 *
 * VOS0, which 480 MHz needs, is VOS1 plus the overdrive bit in SYSCFG. Any later reset of SYSCFG through
 * RCC_APB4RSTR clears that bit and leaves the core running out of specification: never pulse it.
 * Chips before revision X stop at 400 MHz and VOS1. Without the external clock the PLL runs from the internal
 * oscillator; without the PLL the core does, at 64 MHz. */
#include "board_config.h"
#include "clock_steps.h"

#if BOARD_CLOCK_HZ != 480000000
#error "family stm32h7 sets the core to 480 MHz: say clock_hz = 480_000_000 in the board file"
#endif
#if BOARD_EXTERNAL_CLOCK_HZ % 4000000 != 0 || BOARD_EXTERNAL_CLOCK_HZ > 252000000
#error "the PLL wants 4 MHz: an external clock must be a multiple of it; leave external_clock_hz out otherwise"
#endif

#define HSI_HZ 64000000u
#define PLL_REFERENCE_HZ 4000000u
#define REVISION_X 0x2001u /* the first of the chips that reach 480 MHz; V is 0x2003, Y is 0x1003 */

/* Core supply from the LDO. The bits of PWR_CR3 can be written once after power-on; SCUEN tells whether they were. */
static int select_supply(void)
{
    if ((PWR_CR3 & PWR_CR3_SCUEN) != 0u) {
        PWR_CR3 = (PWR_CR3 & ~(PWR_CR3_SCUEN | PWR_CR3_BYPASS)) | PWR_CR3_LDOEN;
    }
    return wait_for(&PWR_CSR1, PWR_CSR1_ACTVOSRDY, PWR_CSR1_ACTVOSRDY);
}

/* VOS1, and from there VOS0 where `overdrive` is not 0. */
static int raise_voltage(int overdrive)
{
    PWR_D3CR = (PWR_D3CR & ~PWR_D3CR_VOS_MASK) | PWR_D3CR_VOS_1;
    if (!wait_for(&PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY)) {
        return 0;
    }
    if (overdrive) {
        enable_clock(&RCC_APB4ENR, RCC_APB4ENR_SYSCFGEN); /* without it the next write is lost, silently */
        SYSCFG_PWRCR |= SYSCFG_PWRCR_ODEN;
        if ((SYSCFG_PWRCR & SYSCFG_PWRCR_ODEN) == 0u) {
            return 0;
        }
    }
    return wait_for(&PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY) &&
           wait_for(&PWR_CSR1, PWR_CSR1_ACTVOSRDY, PWR_CSR1_ACTVOSRDY);
}

/* RCC_PLLCKSELR for 4 MHz from the external clock, or from the HSI where that does not run. */
static uint32_t start_pll_source(void)
{
    uint32_t source = RCC_PLLCKSELR_DIVM1(HSI_HZ / PLL_REFERENCE_HZ) | RCC_PLLCKSELR_PLLSRC_HSI;
    if (BOARD_EXTERNAL_CLOCK_HZ != 0 && rcc_start_external(BOARD_EXTERNAL_CRYSTAL)) {
        source = RCC_PLLCKSELR_DIVM1(BOARD_EXTERNAL_CLOCK_HZ / PLL_REFERENCE_HZ) | RCC_PLLCKSELR_PLLSRC_HSE;
    }
    return RCC_PLLCKSELR_DIVM23_RESET | source;
}

/* PLL1 at 4 MHz * n: half of that for the core, an eighth on output Q. */
static int start_pll(uint32_t n)
{
    RCC_PLLCKSELR = start_pll_source();
    RCC_PLLCFGR = RCC_PLLCFGR_OUTPUTS_RESET | RCC_PLLCFGR_PLL1RGE_4_TO_8_MHZ | RCC_PLLCFGR_PLL1VCOSEL_WIDE;
    RCC_PLL1DIVR = RCC_PLL1DIVR_NPQR(n, 2u, 8u, 2u);
    RCC_PLL1FRACR = 0u;
    return rcc_start_pll();
}

/* Core from PLL1, buses at half of it, APB at a quarter: dividers first, so that no bus is ever too fast. */
static int switch_to_pll(void)
{
    if (!flash_configure(FLASH_ACR_LATENCY(4u) | FLASH_ACR_WRHIGHFREQ(2u))) { /* AXI to 240 MHz at VOS0, 225 at VOS1 */
        return 0;
    }
    RCC_D1CFGR = RCC_D1CFGR_HPRE_2 | RCC_D1CFGR_D1PPRE_2;
    RCC_D2CFGR = RCC_D2CFGR_D2PPRE1_2 | RCC_D2CFGR_D2PPRE2_2;
    RCC_D3CFGR = RCC_D3CFGR_D3PPRE_2;
    if (rcc_switch_to(RCC_CFGR_SW_PLL1)) {
        return 1;
    }
    RCC_CFGR &= ~RCC_CFGR_SW_MASK;
    RCC_D1CFGR = 0u;
    RCC_D2CFGR = 0u;
    RCC_D3CFGR = 0u;
    return 0;
}

void family_start_core(void)
{
    if (BOARD_HAS_EXTERNAL_MEMORY == 0) {
        FMC_BCR1 = FMC_BCR1_OFF; /* bank 1 of external memory is on after reset, and answers nothing */
    }
}

target_clocks family_start_clocks(void)
{
    int fast = (DBGMCU_IDC >> 16) >= REVISION_X;
    uint32_t n = fast ? 240u : 200u;
    /* From the state after reset, should a boot loader have left another. */
    int on_hsi = rcc_start(RCC_CR_HSION, RCC_CR_HSIRDY) && rcc_switch_to(RCC_CFGR_SW_HSI) && rcc_stop_pll();
    if (on_hsi && select_supply() && raise_voltage(fast) && start_pll(n) && switch_to_pll()) {
        uint32_t core_hz = PLL_REFERENCE_HZ * n / 2u;
        return (target_clocks){.core = core_hz, .console = core_hz / 4u};
    }
    return (target_clocks){.core = HSI_HZ, .console = HSI_HZ};
}
