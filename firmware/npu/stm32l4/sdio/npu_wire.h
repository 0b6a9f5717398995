/* SPDX-License-Identifier: 0BSD */
/* The link is an SD bus of four lines: each exchange is one block. */
#ifndef NPU_WIRE_H
#define NPU_WIRE_H

#define NPU_PORT_ROOM 1024u /* bytes of every buffer of an exchange: of a frame with its piece */

#endif
