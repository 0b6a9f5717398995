/* SPDX-License-Identifier: 0BSD */
/* The self-test: a pseudo-random input, and the CRC-32 of the outputs it must give. */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs the model on random bytes and on each of app_model.vectors; afterwards *found is the CRC-32 of all outputs, and
 * right where it equals app_model.selftest_crc. Returns 0, or what a run returned that failed. */
int run_selftest(uint32_t *found);

#ifdef __cplusplus
}
#endif

#endif
