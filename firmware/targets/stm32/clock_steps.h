/* SPDX-License-Identifier: 0BSD */
/* Steps of the clock set-up that are the same in every family: RCC_CR and RCC_CFGR lie at different addresses, but
 * share these bits. Each function waits for a limited time, and returns 0 where what it waits for does not happen. */
#ifndef CLOCK_STEPS_H
#define CLOCK_STEPS_H

#include "family.h"
#include "registers.h"

/* Waits until (value of the register & mask) == expected. */
static inline int wait_for(const volatile uint32_t *address, uint32_t mask, uint32_t expected)
{
    for (uint32_t attempts = FAMILY_CLOCK_ATTEMPTS; attempts != 0u; --attempts) {
        if ((*address & mask) == expected) {
            return 1;
        }
    }
    return 0;
}

/* Turns on an oscillator or PLL by its bits in RCC_CR. */
static inline int rcc_start(uint32_t on, uint32_t ready)
{
    RCC_CR |= on;
    return wait_for(&RCC_CR, ready, ready);
}

/* Turns on the external clock, a signal or a crystal; off again where there is none. */
static inline int rcc_start_external(int crystal)
{
    if (crystal == 0) {
        RCC_CR |= RCC_CR_HSEBYP; /* to be set before HSEON */
    }
    if (rcc_start(RCC_CR_HSEON, RCC_CR_HSERDY)) {
        return 1;
    }
    RCC_CR &= ~RCC_CR_HSEON;
    return 0;
}

static inline int rcc_start_pll(void)
{
    return rcc_start(RCC_CR_PLLON, RCC_CR_PLLRDY);
}

static inline int rcc_stop_pll(void)
{
    RCC_CR &= ~RCC_CR_PLLON;
    return wait_for(&RCC_CR, RCC_CR_PLLRDY, 0u);
}

/* Runs the core from the source that a value of RCC_CFGR.SW selects. */
static inline int rcc_switch_to(uint32_t source)
{
    RCC_CFGR = (RCC_CFGR & ~RCC_CFGR_SW_MASK) | source;
    return wait_for(&RCC_CFGR, RCC_CFGR_SW_MASK << RCC_CFGR_SWS_POSITION, source << RCC_CFGR_SWS_POSITION);
}

/* Writes the flash's wait states, prefetch and caches, and waits for them to take effect. */
static inline int flash_configure(uint32_t acr)
{
    FLASH_ACR = acr;
    return wait_for(&FLASH_ACR, FLASH_ACR_MASK, acr);
}

#endif
