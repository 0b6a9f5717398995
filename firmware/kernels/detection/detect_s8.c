/* SPDX-License-Identifier: 0BSD */
/* Scores, the best candidates, their boxes, and which of them stay.
 *
 * Time is bounded: of every anchor the logits are gone through three times at most; candidates lie in a heap of at most
 * max_candidates, and each is compared with at most max_detections boxes. */
#include <string.h>

#include "td_detect.h"
#include "td_window.h"

#define STEP_BITS 16   /* fractional bits of quarter pixels, in centres and half sides */
#define HALF_SHIFT 13  /* from side * factor, of 12 + 16 fractional bits, to half of it */
#define OVERLAP_BITS 16
#define SCORE_BITS 15

static int32_t largest_of(const int8_t *logits, int32_t count)
{
    int32_t largest = logits[0];
    int32_t i = 1;
    if (count >= 4) {
        uint32_t four, next;
        memcpy(&four, logits, 4);
        for (i = 4; i + 4 <= count; i += 4) {
            memcpy(&next, logits + i, 4);
            four = td_larger_4(four, next);
        }
        four = td_larger_4(four, four >> 16);
        largest = (int8_t)td_larger_4(four, four >> 8);
    }
    for (; i < count; i++)
        if (logits[i] > largest)
            largest = logits[i];
    return largest;
}

/* The share of the logit `best`, the largest of the classes, in the softmax over all `count`, rounded to the nearest.
 * The largest logit adds 2^15 to the total, others at most as much: it is in [2^15, 2^25], and no sum overflows. */
static uint16_t score_of(const uint16_t *exponentials, const int8_t *logits, int32_t count, int32_t best)
{
    const int32_t largest = logits[0] > best ? logits[0] : best;
    uint32_t total = 0;
    for (int32_t i = 0; i < count; i++)
        total += exponentials[largest - logits[i]];
    return (uint16_t)((((uint32_t)exponentials[largest - best] << SCORE_BITS) + total / 2) / total);
}

/* Whether `a` comes behind `b`. */
static int is_worse(td_candidate a, td_candidate b)
{
    return a.score < b.score || (a.score == b.score && a.anchor > b.anchor);
}

/* Puts a candidate into heap[0 .. count), the worst one on top, from position `at` downwards, which is free. */
static void sift_down(td_candidate *heap, int32_t count, int32_t at, td_candidate item)
{
    for (;;) {
        int32_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && is_worse(heap[child + 1], heap[child]))
            child++;
        if (!is_worse(heap[child], item))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
}

/* Adds a candidate, where there is room or a worse one gives way. Returns how many there are then. */
static int32_t add_candidate(td_candidate *heap, int32_t count, int32_t most, td_candidate item)
{
    if (count == most) {
        if (is_worse(heap[0], item))
            sift_down(heap, count, 0, item);
        return count;
    }
    int32_t at = count;
    while (at > 0 && is_worse(item, heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = item;
    return count + 1;
}

/* The best anchors, best first. Returns how many. */
static int32_t find_candidates(const td_detect_op *op, const int8_t *const *outputs, td_candidate *heap)
{
    const int32_t logit_count = op->classes + 1;
    uint32_t anchor = 0;
    int32_t count = 0;
    for (int32_t s = 0; s < op->source_count; s++) {
        const td_detect_source *source = &op->sources[s];
        const int8_t *logits = outputs[2 * s];
        const uint32_t end = anchor + (uint32_t)(source->height * source->width * source->anchor_count);
        for (; anchor < end; anchor++, logits += logit_count) {
            const int32_t least = logits[0] + source->margin;
            if (least > INT8_MAX)
                continue;
            const int32_t best = largest_of(logits + 1, op->classes);
            if (best < least)
                continue;
            const uint16_t score = score_of(source->exponentials, logits, logit_count, best);
            if (score < op->threshold)
                continue;
            int32_t label = 0;
            while (logits[1 + label] != best)
                label++;
            const td_candidate item = { anchor, score, (uint16_t)label };
            count = add_candidate(heap, count, op->max_candidates, item);
        }
    }
    for (int32_t last = count - 1; last > 0; last--) {
        const td_candidate item = heap[last];
        heap[last] = heap[0];
        sift_down(heap, last, 0, item);
    }
    return count;
}

/* A corner in whole quarter pixels, halves up, within [0, limit]. */
static int16_t round_corner(int64_t corner, int32_t limit)
{
    const int64_t rounded = (corner + (1 << (STEP_BITS - 1))) >> STEP_BITS;
    return (int16_t)(rounded < 0 ? 0 : rounded > limit ? limit : rounded);
}

/* The box of an anchor. |centre| < 2^(14 + 16) + 255 * 2^31 < 2^40, and half < 2^(26 + 31 - 13) = 2^44. */
static td_detection place_box(const td_detect_op *op, const int8_t *const *outputs, td_candidate item)
{
    const td_detect_source *source = op->sources;
    uint32_t number = item.anchor; /* within the source */
    for (;; source++, outputs += 2) {
        const uint32_t anchors = (uint32_t)(source->height * source->width * source->anchor_count);
        if (number < anchors)
            break;
        number -= anchors;
    }
    const int8_t *offsets = outputs[1] + 4 * number;
    const int32_t place = (int32_t)number / source->anchor_count;
    const td_anchor *anchor = &source->anchors[(int32_t)number % source->anchor_count];
    const int32_t half_stride = 2 * source->stride; /* in quarter pixels */
    const int64_t x = (int64_t)((2 * (place % source->width) + 1) * half_stride) * (1 << STEP_BITS) +
                      (int64_t)(offsets[0] - source->zero_point) * anchor->step_width;
    const int64_t y = (int64_t)((2 * (place / source->width) + 1) * half_stride) * (1 << STEP_BITS) +
                      (int64_t)(offsets[1] - source->zero_point) * anchor->step_height;
    const int64_t half_w = (int64_t)((uint64_t)anchor->width * source->widths[offsets[2] + 128] >> HALF_SHIFT);
    const int64_t half_h = (int64_t)((uint64_t)anchor->height * source->heights[offsets[3] + 128] >> HALF_SHIFT);
    return (td_detection){
        .x0 = round_corner(x - half_w, op->width),
        .y0 = round_corner(y - half_h, op->height),
        .x1 = round_corner(x + half_w, op->width),
        .y1 = round_corner(y + half_h, op->height),
        .label = item.label,
        .score = item.score,
    };
}

static uint32_t area_of(const td_detection *box)
{
    return (uint32_t)(box->x1 - box->x0) * (uint32_t)(box->y1 - box->y0);
}

/* Whether two boxes have more in common than they may: intersection / union > overlap. Areas are at most 2^28. */
static int overlap_much(const td_detection *a, const td_detection *b, uint32_t overlap)
{
    const int32_t w = (a->x1 < b->x1 ? a->x1 : b->x1) - (a->x0 > b->x0 ? a->x0 : b->x0);
    const int32_t h = (a->y1 < b->y1 ? a->y1 : b->y1) - (a->y0 > b->y0 ? a->y0 : b->y0);
    if (w <= 0 || h <= 0)
        return 0;
    const uint32_t common = (uint32_t)w * (uint32_t)h;
    const uint32_t both = area_of(a) + area_of(b) - common;
    return (uint64_t)common << OVERLAP_BITS > (uint64_t)overlap * both;
}

int32_t td_detect_s8(const td_detect_op *op, const int8_t *const *outputs, td_candidate *scratch, td_detection *found,
                     int32_t size)
{
    const int32_t candidates = find_candidates(op, outputs, scratch);
    const int32_t most = size < op->max_detections ? size : op->max_detections;
    int32_t count = 0;
    for (int32_t i = 0; i < candidates && count < most; i++) {
        const td_detection box = place_box(op, outputs, scratch[i]);
        int32_t rival = 0;
        while (rival < count && (found[rival].label != box.label || !overlap_much(&found[rival], &box, op->overlap)))
            rival++;
        if (rival == count)
            found[count++] = box;
    }
    return count;
}
