/* SPDX-License-Identifier: 0BSD */
/* The independent watchdog: it has an oscillator of its own, and once started nothing but a reset stops it. */
#include "board_config.h"
#include "clock_steps.h"
#include "family.h"

void family_start_watchdog(void)
{
    IWDG_KR = IWDG_KR_START; /* starts its oscillator, too */
    IWDG_KR = IWDG_KR_UNLOCK;
    IWDG_PR = BOARD_WATCHDOG_PRESCALER;
    IWDG_RLR = BOARD_WATCHDOG_RELOAD;
    (void)wait_for(&IWDG_SR, IWDG_SR_PVU | IWDG_SR_RVU, 0u); /* a few cycles of 32 kHz */
    IWDG_KR = IWDG_KR_FEED;
}

void family_feed_watchdog(void)
{
    IWDG_KR = IWDG_KR_FEED;
}

int family_take_watchdog_reset(void)
{
    int found = (FAMILY_RESETS & FAMILY_RESETS_WATCHDOG) != 0u;
    FAMILY_RESETS |= FAMILY_RESETS_CLEAR;
    FAMILY_RESETS &= ~FAMILY_RESETS_CLEAR; /* on STM32F4 and F7 the bit stays, and would clear the next flags */
    return found;
}
