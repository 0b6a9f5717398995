/* SPDX-License-Identifier: 0BSD */
/* Pins of the STM32L4+ as a link to a TinyNPU needs them. */
#ifndef NPU_PINS_H
#define NPU_PINS_H

#include "clock_steps.h"
#include "link_registers.h"

static inline void pin_set_field(volatile uint32_t *address, uint32_t position, uint32_t mask, uint32_t value)
{
    *address = (*address & ~(mask << position)) | (value << position);
}

static inline void pin_set_mode(uint32_t port, uint32_t pin, uint32_t mode)
{
    enable_clock(&FAMILY_GPIO_ENABLE, 1u << port);
    pin_set_field(&GPIO(port, GPIO_OSPEEDR), 2u * pin, 3u, GPIO_OSPEEDR_VERY_HIGH);
    pin_set_field(&GPIO(port, GPIO_MODER), 2u * pin, 3u, mode);
}

static inline void pin_set(uint32_t port, uint32_t pin, int high)
{
    GPIO(port, GPIO_BSRR) = 1u << (pin + (high ? 0u : 16u));
}

/* An output, high from the beginning on. */
static inline void pin_open_output(uint32_t port, uint32_t pin)
{
    enable_clock(&FAMILY_GPIO_ENABLE, 1u << port);
    pin_set(port, pin, 1);
    pin_set_mode(port, pin, GPIO_MODER_OUTPUT);
}

static inline void pin_open_alternate(uint32_t port, uint32_t pin, uint32_t function)
{
    enable_clock(&FAMILY_GPIO_ENABLE, 1u << port);
    pin_set_field(&GPIO(port, GPIO_AFR + 4u * (pin / 8u)), 4u * (pin % 8u), 15u, function);
    pin_set_mode(port, pin, GPIO_MODER_ALTERNATE);
}

#endif
