/* SPDX-License-Identifier: 0BSD */
/* The board's side of the serial protocol. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROTOCOL_VERSION 2u

/* Takes one received byte. Where it completes a request, executes it and sends the answer. */
void protocol_receive(uint8_t byte);

#ifdef __cplusplus
}
#endif

#endif
