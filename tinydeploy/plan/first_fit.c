/* SPDX-License-Identifier: MIT */
/* First fit of blocks over time: the inner loop of pack.py, for the host; fit.py has its twin in Python.
 *
 * Blocks take their turn as `order` says. Block b meets other blocks in the conflicts [start[b], start[b + 1]): its place
 * may not be in [place of the other + begin, place of the other + end). It goes to the lowest place, a multiple of its
 * alignment, that the blocks before it allow; with `high`, to the highest place that ends below `ceiling`, if there is
 * one. Returns the end of the highest block; places go to `place`. */
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    int64_t begin; /* places within [begin, end) collide */
    int64_t end;
} interval;

/* Shell sort: `key` is 0 for ascending begins and 1 for descending ends. */
static void sort(interval *list, int64_t count, int key)
{
    static const int64_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (int g = 0; g < 8; g++) {
        const int64_t gap = gaps[g];
        for (int64_t i = gap; i < count; i++) {
            const interval x = list[i];
            int64_t k = i;
            for (; k >= gap && (key ? list[k - gap].end < x.end : list[k - gap].begin > x.begin); k -= gap)
                list[k] = list[k - gap];
            list[k] = x;
        }
    }
}

static int64_t lowest(interval *taken, int64_t count, int64_t alignment)
{
    int64_t place = 0;
    sort(taken, count, 0);
    for (int64_t i = 0; i < count && taken[i].begin <= place; i++)
        if (taken[i].end > place)
            place = (taken[i].end + alignment - 1) / alignment * alignment;
    return place;
}

/* A negative number where there is no place. */
static int64_t highest(interval *taken, int64_t count, int64_t alignment, int64_t start)
{
    int64_t place = start < 0 ? -1 : start / alignment * alignment;
    sort(taken, count, 1);
    for (int64_t i = 0; i < count && place >= 0 && taken[i].end > place; i++)
        if (taken[i].begin <= place)
            place = taken[i].begin <= 0 ? -1 : (taken[i].begin - 1) / alignment * alignment;
    return place;
}

int64_t td_first_fit(int64_t blocks, const int64_t *start, const int64_t *other, const int64_t *begin,
                     const int64_t *end, const int64_t *length, const int64_t *order, const int64_t *high,
                     const int64_t *alignment, int64_t ceiling, int64_t *place)
{
    interval *const taken = malloc(sizeof *taken * (size_t)(start[blocks] + 1));
    int64_t top = 0;

    if (!taken)
        return -1;
    for (int64_t b = 0; b < blocks; b++)
        place[b] = -1;
    for (int64_t turn = 0; turn < blocks; turn++) {
        const int64_t b = order[turn];
        int64_t count = 0;
        for (int64_t i = start[b]; i < start[b + 1]; i++) {
            const int64_t at = place[other[i]];
            if (at >= 0 && at + end[i] > 0) {
                taken[count].begin = at + begin[i];
                taken[count++].end = at + end[i];
            }
        }
        int64_t found = high[b] ? highest(taken, count, alignment[b], ceiling - length[b]) : -1;
        if (found < 0)
            found = lowest(taken, count, alignment[b]);
        place[b] = found;
        top = found + length[b] > top ? found + length[b] : top;
    }
    free(taken);
    return top;
}
