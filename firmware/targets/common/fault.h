/* SPDX-License-Identifier: 0BSD */
/* What happens on a fault: a line on the console, then a stop. */
#ifndef FAULT_H
#define FAULT_H

#ifdef __cplusplus
extern "C" {
#endif

/* Entry of every exception but reset. Prints
 *     FAULT pc XXXXXXXX lr XXXXXXXX sp XXXXXXXX cfsr XXXXXXXX hfsr XXXXXXXX bfar XXXXXXXX mmfar XXXXXXXX
 * and stops in fault_stop. pc and lr are 0 where the stack did not hold them any more. A line in front says STACK
 * OVERFLOW where the stack went below its limit, into the guard there. */
void fault_entry(void);

/* Below the stack nothing may be accessed. */
#define STACK_GUARD_LOG2_BYTES 12u
#define STACK_GUARD_BYTES (1u << STACK_GUARD_LOG2_BYTES)

/* An endless loop; a debugger or an emulator that finds the core here knows that it faulted. */
void fault_stop(void);

#ifdef __cplusplus
}
#endif

#endif
