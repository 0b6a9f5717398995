/* SPDX-License-Identifier: 0BSD */
/* The link is an SD bus of four lines: an exchange is one block, whose size is a power of two. */
#ifndef NPU_WIRE_H
#define NPU_WIRE_H

#define NPU_PORT_ROOM 1024u /* bytes of the longest frame, with a piece of 996 */

#endif
