/* Counts executed instructions and blocks at the speed of native code, and stops before what the hardware forbids.
 *
 * A hook of the emulator's, called at the start of every block of instructions. The Python twin is in
 * python_counter.py; both give the same numbers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What a block needs beyond counting (td_block.flags). */
enum { WATCH = 1, USES_FPU = 2, CHECKED = 4, USES_DOUBLE = 8 };

/* Why the processor was stopped (td_counter.reason). The block has not run, but for UNALIGNED_NOW. */
enum { NOTHING, DEADLINE, FPU_OFF, UNALIGNED, RETRANSLATE, FULL, UNALIGNED_NOW, NO_DOUBLE };

typedef struct {
    uint64_t executions;
    uint64_t taken; /* how often it was left by a taken branch */
    uint32_t address;
    uint32_t size; /* bytes */
    uint32_t instructions;
    uint32_t flags;
    uint32_t next;        /* another block with the same address and another size; 0: none */
    uint32_t first_check; /* index into checks; checks of a block lie side by side */
    uint32_t checks;
    uint32_t reserved;
} td_block;

/* A register that must be a multiple of 4 when the block begins, because the instruction `site` uses it as a base. */
typedef struct {
    int32_t reg;
    uint32_t site;
} td_check;

typedef struct {
    uint32_t address;
    uint32_t size;
    const uint8_t *code;
    uint32_t *index; /* per halfword: number of the block that begins there; 0: none yet */
} td_region;

typedef struct {
    uint64_t total;    /* instructions executed */
    uint64_t deadline; /* stop before the first block that begins at or after this total */
    uint32_t reason;
    uint32_t site; /* with FPU_OFF, UNALIGNED, UNALIGNED_NOW and NO_DOUBLE: the offending instruction */
    uint32_t flag_mask;
    uint32_t blocks; /* entries of `block` in use; entry 0 is never used */
    uint32_t last;   /* block that ran last; 0 after an exception */
    uint32_t skip;   /* 1: do not look at the flags of the next block */
    uint32_t max_blocks;
    uint32_t checks;
    uint32_t max_checks;
    uint32_t regions;
    td_block *block;
    td_check *check;
    td_region region[8];
    int (*stop)(void *uc);
    int (*reg_read)(void *uc, int reg, void *value);
    uint32_t (*analyse)(uint32_t block); /* for CHECKED blocks; returns RETRANSLATE, FULL or NOTHING */
    uint32_t (*judge)(uint32_t site);    /* 1 if a misaligned conditional instruction would execute */
    void (*watch)(uint32_t address);
} td_counter;

td_counter *td_create(uint32_t max_blocks, uint32_t max_checks)
{
    td_counter *c = calloc(1, sizeof *c);
    c->block = calloc(max_blocks, sizeof *c->block);
    c->check = calloc(max_checks, sizeof *c->check);
    c->max_blocks = max_blocks;
    c->max_checks = max_checks;
    c->blocks = 1;
    c->deadline = UINT64_MAX;
    return c;
}

void td_add_region(td_counter *c, uint32_t address, uint32_t size, const uint8_t *code)
{
    td_region *region = &c->region[c->regions++];
    region->address = address;
    region->size = size;
    region->code = code;
    region->index = calloc(size / 2, sizeof *region->index);
}

static uint32_t halfword(const uint8_t *code)
{
    return (uint32_t)code[0] | (uint32_t)code[1] << 8;
}

/* Whether the instruction faults on a base address that is not a multiple of 4, sp and pc as base excepted (they
 * always are): LDM, STM, LDRD, STRD, LDREX, STREX, VLDR, VSTR, VLDM, VSTM. Their offsets are multiples of 4. */
static int wants_alignment(uint32_t first, uint32_t second)
{
    uint32_t base = first & 15;
    if (first < 0xE800)
        return (first & 0xF000) == 0xC000;
    if (base == 13 || base == 15)
        return 0;
    if ((first & 0xFE40) == 0xE800)
        return 1;
    if ((first & 0xFFE0) == 0xE8C0) /* table branches, exclusive accesses of bytes and halfwords */
        return 0;
    if ((first & 0xFE40) == 0xE840)
        return 1;
    return (first & 0xFE00) == 0xEC00 && (first & 0xFFE0) != 0xEC40 && ((second >> 8) & 14) == 10;
}

static int is_fpu(uint32_t first, uint32_t second)
{
    return (first & 0xEC00) == 0xEC00 && ((second >> 8) & 14) == 10;
}

/* Arithmetic on double-precision registers: single-precision FPUs only load, store and move those. */
static int is_double(uint32_t first, uint32_t second)
{
    return (first & 0xEF00) == 0xEE00 && (second & 0x0F10) == 0x0B00;
}

/* Fills in the number of the block that begins at `address` and has `size` bytes. */
static uint32_t add_block(td_counter *c, td_region *region, uint32_t address, uint32_t size)
{
    if (c->blocks == c->max_blocks)
        return 0;
    const uint8_t *code = region->code + (address - region->address);
    uint32_t number = c->blocks++;
    td_block *block = &c->block[number];
    block->address = address;
    block->size = size;
    for (uint32_t at = 0; at < size; block->instructions++) {
        uint32_t first = halfword(code + at);
        uint32_t wide = first >= 0xE800;
        uint32_t second = wide ? halfword(code + at + 2) : 0;
        if (wants_alignment(first, second))
            block->flags |= CHECKED;
        if (wide && is_fpu(first, second))
            block->flags |= is_double(first, second) ? USES_FPU | USES_DOUBLE : USES_FPU;
        at += wide ? 4 : 2;
    }
    uint32_t *slot = &region->index[(address - region->address) / 2];
    if (*slot)
        block->flags |= c->block[*slot].flags & WATCH;
    block->next = *slot;
    *slot = number;
    return number;
}

static td_region *find_region(td_counter *c, uint32_t address)
{
    for (uint32_t i = 0; i < c->regions; i++)
        if (address - c->region[i].address < c->region[i].size)
            return &c->region[i];
    return NULL;
}

/* Has c->watch called before each block that begins at `address`, or no longer. */
void td_set_watch(td_counter *c, uint32_t address, int on)
{
    td_region *region = find_region(c, address);
    if (!region)
        return;
    uint32_t *slot = &region->index[(address - region->address) / 2];
    if (!*slot && c->blocks < c->max_blocks) { /* of no size: only remembers the flag for blocks to come */
        *slot = c->blocks++;
        c->block[*slot].address = address;
    }
    for (uint32_t number = *slot; number; number = c->block[number].next)
        c->block[number].flags = on ? c->block[number].flags | WATCH : c->block[number].flags & ~(uint32_t)WATCH;
}

static uint32_t find_block(td_counter *c, td_region *region, uint32_t address, uint32_t size)
{
    uint32_t number = region->index[(address - region->address) / 2];
    while (number && c->block[number].size != size)
        number = c->block[number].next;
    return number;
}

static int stop(td_counter *c, void *uc, uint32_t reason, uint32_t site)
{
    c->reason = reason;
    c->site = site;
    c->stop(uc);
    return 1;
}

/* The first instruction of that kind in a block that has one. */
static uint32_t first_site(td_counter *c, const td_block *block, int (*is_kind)(uint32_t first, uint32_t second))
{
    td_region *region = find_region(c, block->address);
    const uint8_t *code = region->code + (block->address - region->address);
    uint32_t at = 0;
    while (!(halfword(code + at) >= 0xE800 && is_kind(halfword(code + at), halfword(code + at + 2))))
        at += halfword(code + at) >= 0xE800 ? 4 : 2;
    return block->address + at;
}

/* Returns 1 if the processor was stopped. */
static int examine(td_counter *c, void *uc, const td_block *block)
{
    uint32_t flags = block->flags & c->flag_mask;
    if (flags & WATCH)
        c->watch(block->address);
    if (flags & USES_FPU)
        return stop(c, uc, FPU_OFF, first_site(c, block, is_fpu));
    if (flags & USES_DOUBLE)
        return stop(c, uc, NO_DOUBLE, first_site(c, block, is_double));
    if (flags & CHECKED)
        for (uint32_t i = block->first_check; i < block->first_check + block->checks; i++) {
            uint32_t value = 0;
            c->reg_read(uc, c->check[i].reg, &value);
            if (value & 3)
                return stop(c, uc, UNALIGNED, c->check[i].site);
        }
    return 0;
}

/* Called before the block runs; counts it unless the processor is stopped. */
void td_on_block(void *uc, uint64_t address64, uint32_t size, td_counter *c)
{
    uint32_t address = (uint32_t)address64;
    td_region *region = find_region(c, address);
    if (!region || !size)
        return;
    if (__builtin_expect(c->total >= c->deadline, 0)) {
        (void)stop(c, uc, c->reason == UNALIGNED_NOW ? UNALIGNED_NOW : DEADLINE, c->site);
        return;
    }
    uint32_t number = find_block(c, region, address, size);
    if (__builtin_expect(!number, 0)) {
        number = add_block(c, region, address, size);
        uint32_t reason = number ? NOTHING : FULL;
        if (c->block[number].flags & CHECKED)
            reason = c->analyse(number);
        if (reason != NOTHING) {
            (void)stop(c, uc, reason, 0);
            return;
        }
    }
    td_block *block = &c->block[number];
    if (__builtin_expect(block->flags & c->flag_mask, 0) && !c->skip && examine(c, uc, block))
        return;
    c->skip = 0;
    if (c->last && c->block[c->last].address + c->block[c->last].size != address)
        c->block[c->last].taken++;
    c->last = number;
    block->executions++;
    c->total += block->instructions;
}

/* Called before an instruction whose base register the block itself computes, or that may not execute at all. */
typedef struct {
    td_counter *counter;
    int32_t reg;
    uint32_t address;
    uint32_t conditional;
} td_site;

void td_on_site(void *uc, uint64_t address, uint32_t size, const td_site *site)
{
    td_counter *c = site->counter;
    uint32_t value = 0;
    (void)address;
    (void)size;
    c->reg_read(uc, site->reg, &value);
    if (!(value & 3) || !c->judge(site->address))
        return;
    if (!site->conditional) {
        (void)stop(c, uc, UNALIGNED_NOW, site->address);
        return;
    }
    /* Inside an IT block the emulator does not stop; it does before the next block. */
    c->reason = UNALIGNED_NOW;
    c->site = site->address;
    c->deadline = 0;
}

/* Forgets all blocks and checks, and counts from zero: other code lies in the regions now. */
void td_forget(td_counter *c)
{
    memset(c->block, 0, c->blocks * sizeof *c->block);
    for (uint32_t i = 0; i < c->regions; i++)
        memset(c->region[i].index, 0, c->region[i].size / 2 * sizeof *c->region[i].index);
    c->blocks = 1;
    c->checks = 0;
    c->last = 0;
    c->skip = 0;
    c->total = 0;
}

/* Takes back what the last block did not execute because it was left at `address`, in its middle. */
void td_trim(td_counter *c, uint32_t address)
{
    td_block *block = &c->block[c->last];
    td_region *region = find_region(c, address);
    if (!c->last || !region || address < block->address || address >= block->address + block->size)
        return;
    block->executions--;
    c->total -= block->instructions;
    c->last = 0;
    uint32_t size = address - block->address;
    if (!size)
        return;
    uint32_t number = find_block(c, region, block->address, size);
    if (!number)
        number = add_block(c, region, block->address, size);
    c->block[number].executions++;
    c->total += c->block[number].instructions;
}
