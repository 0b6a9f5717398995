/* Runs every layer of a batch on rows between poisoned bytes. Built with AddressSanitizer, which then sees each access
 * to anything but the rows of the layer's tensors and its scratch.
 * Standard input: for each layer its inputs' values, then the expected output's. Included behind the layers' text,
 * with CASES defined as the initializer of `cases`. */
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    void (*layer)(int32_t first, int32_t last);
    int32_t scratch;
    int32_t rows; /* that calls run over */
    td_tensor *output;
    td_tensor *inputs[8];
} test_case;

static test_case cases[] = CASES;

#define MEMORY (1 << 18)
#define ROWS 4096

static _Alignas(16) int8_t memory[MEMORY];
static uint16_t tables[ROWS];
static int32_t end, rows;

/* Places of `size` bytes begin at multiples of 16 and end in at least 16 poisoned bytes. */
static int8_t *place(int32_t size)
{
    int8_t *start = memory + end;
    end += (size + 31) / 16 * 16;
    if (end > MEMORY)
        return 0;
    __asan_unpoison_memory_region(start, (size_t)size);
    return start;
}

/* Places the rows of a tensor, the last one first, and reads their values if asked to. */
static int bind(td_tensor *tensor, int read)
{
    const size_t size = (size_t)tensor->pitch; /* bytes of a row, as there is a table */
    tensor->base = memory;
    tensor->table = tables + rows;
    rows += tensor->height;
    if (rows > ROWS)
        return 0;
    for (int32_t h = tensor->height - 1; h >= 0; h--) {
        const int8_t *row = place((int32_t)size);
        if (!row)
            return 0;
        tables[rows - tensor->height + h] = (uint16_t)((row - memory) / 4);
    }
    for (int32_t h = 0; read && h < tensor->height; h++)
        if (fread(td_row(tensor, h), 1, size, stdin) != size)
            return 0;
    return 1;
}

int main(void)
{
    static int8_t expected[MEMORY];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const test_case *c = &cases[i];
        end = rows = 0;
        __asan_poison_memory_region(memory, sizeof memory);
        scratch = place(c->scratch);
        for (int32_t k = 0; c->inputs[k]; k++)
            if (!bind(c->inputs[k], 1))
                return 2;
        if (!bind(c->output, 0))
            return 2;
        for (int32_t h = 0; h < c->rows; h++)
            c->layer(h, h + 1);
        const size_t size = (size_t)c->output->pitch;
        for (int32_t h = 0; h < c->output->height; h++)
            if (fread(expected, 1, size, stdin) != size || memcmp(td_row(c->output, h), expected, size) != 0) {
                fprintf(stderr, "layer %zu, row %d differs\n", i, (int)h);
                return 1;
            }
    }
    printf("%zu layers\n", sizeof cases / sizeof *cases);
    return 0;
}
