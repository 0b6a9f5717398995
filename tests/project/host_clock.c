/* SPDX-License-Identifier: 0BSD */
/* Runs a family's clock set-up on the host, over simulated registers. Arguments, all numbers hexadecimal:
 *     reset:ADDRESS:VALUE                  what a register holds at first
 *     rule:FROM:MASK:VALUE:TO:BITS:ELSE    BITS of register TO are set while FROM & MASK is VALUE, else they are ELSE
 *     stuck:ADDRESS:MASK:VALUE             bits that keep their value whatever happens
 * Prints core and console clock, then address and value of each register. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "family.h"
#include "host_register.h"

static struct {
    uint32_t address;
    volatile uint32_t value;
} cells[64];
static int cell_count;

static uint32_t numbers[64][6];
static char kinds[64];
static int line_count;

static volatile uint32_t *find_cell(uint32_t address)
{
    for (int i = 0; i < cell_count; i++) {
        if (cells[i].address == address) {
            return &cells[i].value;
        }
    }
    if (cell_count == 64) {
        abort();
    }
    cells[cell_count].address = address;
    return &cells[cell_count++].value;
}

static void set_bits(uint32_t address, uint32_t mask, uint32_t value)
{
    volatile uint32_t *cell = find_cell(address);
    *cell = (*cell & ~mask) | value;
}

volatile uint32_t *host_register(uint32_t address)
{
    for (int i = 0; i < line_count; i++) {
        const uint32_t *n = numbers[i];
        if (kinds[i] == 'r') {
            set_bits(n[3], n[4], (*find_cell(n[0]) & n[1]) == n[2] ? n[4] : n[5]);
        }
    }
    for (int i = 0; i < line_count; i++) {
        if (kinds[i] == 's') {
            set_bits(numbers[i][0], numbers[i][1], numbers[i][2]);
        }
    }
    return find_cell(address);
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count && line_count < 64; i++) {
        char *next = strchr(arguments[i], ':');
        uint32_t values[6] = {0};
        for (int k = 0; k < 6 && next != NULL && *next == ':'; k++) {
            values[k] = (uint32_t)strtoul(next + 1, &next, 16);
        }
        if (strncmp(arguments[i], "reset", 5) == 0) {
            *find_cell(values[0]) = values[1];
        } else {
            kinds[line_count] = arguments[i][0];
            memcpy(numbers[line_count++], values, sizeof values);
        }
    }
    const target_clocks clocks = family_start_clocks();
    printf("%u %u\n", (unsigned)clocks.core, (unsigned)clocks.console);
    for (int i = 0; i < cell_count; i++) {
        printf("%08x %08x\n", (unsigned)cells[i].address, (unsigned)cells[i].value);
    }
    return 0;
}
