/* SPDX-License-Identifier: 0BSD */
/* The link is an SPI: an exchange is as long as its frame. */
#ifndef NPU_WIRE_H
#define NPU_WIRE_H

#define NPU_PORT_ROOM 1052u /* bytes of the longest frame, with a piece of 1,024 */

#endif
