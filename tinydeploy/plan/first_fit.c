/* SPDX-License-Identifier: MIT */
/* First fit of blocks over time: the inner loop of pack.py, for the host; pack.py has its twin in Python.
 *
 * Block b has the pieces [start[b], start[b + 1]): bytes [offset, offset + size) from the block's place, needed at the
 * moments [birth, death). Blocks take their turn as `order` says. Each goes to the lowest place, a multiple of its
 * alignment, where none of its pieces meets an earlier one; with `high`, to the highest place below `ceiling`, if there
 * is one. Returns the end of the highest block; places go to `place`. */
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    int64_t begin; /* places within [begin, end) collide */
    int64_t end;
} interval;

static int by_begin(const void *a, const void *b)
{
    const int64_t x = ((const interval *)a)->begin, y = ((const interval *)b)->begin;
    return (x > y) - (x < y);
}

static int by_end(const void *a, const void *b)
{
    const int64_t x = ((const interval *)a)->end, y = ((const interval *)b)->end;
    return (x < y) - (x > y);
}

static int64_t lowest(interval *taken, int64_t count, int64_t alignment)
{
    int64_t place = 0;
    qsort(taken, (size_t)count, sizeof *taken, by_begin);
    for (int64_t i = 0; i < count && taken[i].begin <= place; i++)
        if (taken[i].end > place)
            place = (taken[i].end + alignment - 1) / alignment * alignment;
    return place;
}

/* A negative number where there is no place. */
static int64_t highest(interval *taken, int64_t count, int64_t alignment, int64_t start)
{
    int64_t place = start < 0 ? -1 : start / alignment * alignment;
    qsort(taken, (size_t)count, sizeof *taken, by_end);
    for (int64_t i = 0; i < count && place >= 0 && taken[i].end > place; i++)
        if (taken[i].begin <= place)
            place = taken[i].begin <= 0 ? -1 : (taken[i].begin - 1) / alignment * alignment;
    return place;
}

int64_t td_first_fit(int64_t blocks, const int64_t *start, const int64_t *offset, const int64_t *birth,
                     const int64_t *death, const int64_t *size, const int64_t *order, const int64_t *high,
                     const int64_t *alignment, int64_t ceiling, int64_t *place)
{
    const int64_t pieces = start[blocks];
    int64_t *const placed = malloc(sizeof *placed * (size_t)(pieces + 1)); /* pieces that have a place */
    int64_t *const where = malloc(sizeof *where * (size_t)(pieces + 1));
    int64_t room = 4 * pieces + 16;
    interval *taken = malloc(sizeof *taken * (size_t)room);
    int64_t done = 0, top = 0;

    for (int64_t turn = 0; placed && where && taken && turn < blocks; turn++) {
        const int64_t b = order[turn];
        int64_t begin = INT64_MAX, end = INT64_MIN, length = 0, count = 0;
        for (int64_t p = start[b]; p < start[b + 1]; p++) {
            begin = birth[p] < begin ? birth[p] : begin;
            end = death[p] > end ? death[p] : end;
            length = offset[p] + size[p] > length ? offset[p] + size[p] : length;
        }
        for (int64_t k = 0; k < done; k++) {
            const int64_t q = placed[k];
            if (birth[q] >= end || death[q] <= begin)
                continue;
            for (int64_t p = start[b]; p < start[b + 1]; p++) {
                if (birth[q] >= death[p] || death[q] <= birth[p])
                    continue;
                if (count == room) {
                    interval *const more = realloc(taken, sizeof *taken * (size_t)(room *= 2));
                    if (!more) {
                        free(taken);
                        free(where);
                        free(placed);
                        return -1;
                    }
                    taken = more;
                }
                taken[count].begin = where[k] - offset[p] - size[p] + 1;
                taken[count++].end = where[k] + size[q] - offset[p];
            }
        }
        int64_t found = high[b] ? highest(taken, count, alignment[b], ceiling - length) : -1;
        if (found < 0)
            found = lowest(taken, count, alignment[b]);
        place[b] = found;
        top = found + length > top ? found + length : top;
        for (int64_t p = start[b]; p < start[b + 1]; p++) {
            placed[done] = p;
            where[done++] = found + offset[p];
        }
    }
    if (!placed || !where || !taken)
        top = -1;
    free(taken);
    free(where);
    free(placed);
    return top;
}
