/* Reads outputs of a detector, case by case, and writes what td_detect_s8 finds in them.
 * Included behind the tables. Everything lies in memory of its exact size, so that AddressSanitizer sees each access to
 * anything else. Standard input: for each case int32 `size` of found[], then the outputs. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    static const size_t sizes[] = OUTPUT_SIZES;
    enum { COUNT = sizeof sizes / sizeof *sizes };
    int32_t size;
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        int8_t *outputs[COUNT];
        for (int i = 0; i < COUNT; i++) {
            outputs[i] = malloc(sizes[i]);
            if (fread(outputs[i], 1, sizes[i], stdin) != sizes[i])
                return 2;
        }
        td_candidate *scratch = malloc((size_t)detect_op.max_candidates * sizeof *scratch);
        td_detection *found = malloc((size_t)size * sizeof *found);
        const int32_t count = td_detect_s8(&detect_op, (const int8_t *const *)outputs, scratch, found, size);
        fwrite(&count, sizeof count, 1, stdout);
        fwrite(found, sizeof *found, (size_t)count, stdout);
        free(found);
        free(scratch);
        for (int i = 0; i < COUNT; i++)
            free(outputs[i]);
    }
    return 0;
}
