/* SPDX-License-Identifier: 0BSD */
/* The text commands of MLPerf Tiny's runner, EEMBC's energyrunner, in performance and accuracy mode. */
#ifndef MLPERF_H
#define MLPERF_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Takes one received byte. A command is text from a lower-case letter up to '%'; frames of the serial protocol, which
 * lie between 0x00 bytes and never begin with a lower-case letter, go to protocol_receive(). */
void mlperf_receive(uint8_t byte);

#ifdef __cplusplus
}
#endif

#endif
