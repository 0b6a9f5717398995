/* SPDX-License-Identifier: 0BSD */
/* From the int8 outputs of a single-shot detector to boxes. All in integers; docs/detection.md says what is computed. */
#ifndef TD_DETECT_H
#define TD_DETECT_H

#include "td_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An object in the picture that the net takes. x1 and y1 lie just behind it; x0 <= x1, y0 <= y1. */
typedef struct {
    int16_t x0; /* in quarter pixels from the left edge, within the picture */
    int16_t y0; /* from the upper edge */
    int16_t x1;
    int16_t y1;
    uint16_t label; /* class, 0 for the first that is not the background */
    uint16_t score; /* 32768 for 1 */
} td_detection;

/* An anchor whose best class reaches the threshold. */
typedef struct {
    uint32_t anchor; /* its number over all sources */
    uint16_t score;
    uint16_t label;
} td_candidate;

/* A shape of box that is assumed at every place of a source. */
typedef struct {
    int32_t step_height; /* what a step of dy moves, in 2^-16 quarter pixels */
    int32_t step_width;
    uint32_t height; /* in 2^-12 quarter pixels, at most 2^26 */
    uint32_t width;
} td_anchor;

/* A map that boxes are read from: logits [height, width, anchor_count, classes + 1], the background first, and offsets
 * (dx, dy, dw, dh) [height, width, anchor_count, 4]. */
typedef struct {
    const td_anchor *anchors;
    const uint16_t *exponentials; /* [256]: of the negative distance to the largest logit, in Q15; that of 0 is 2^15 */
    const uint32_t *heights;      /* [256]: factor of the anchor's height by dh + 128, in Q16, below 2^31 */
    const uint32_t *widths;       /* [256]: likewise by dw + 128 */
    int32_t height;               /* places */
    int32_t width;
    int32_t stride; /* pixels from one place to the next */
    int32_t anchor_count;
    int32_t zero_point; /* of the offsets */
    int32_t margin;     /* least distance of a logit from the background's with which its score can reach the threshold */
} td_detect_source;

typedef struct {
    const td_detect_source *sources;
    int32_t source_count;
    int32_t classes;        /* without the background */
    int32_t height;         /* of the picture, in quarter pixels */
    int32_t width;
    int32_t threshold;      /* least score */
    uint32_t overlap;       /* of two boxes of a class that overlap by more than this, Q16, the better one stays */
    int32_t max_candidates; /* so many anchors, the best, become boxes */
    int32_t max_detections;
} td_detect_op;

/* Finds the objects: at most op->max_detections and at most `size`, best first, equal ones in the order of the anchors.
 * Returns how many.
 *
 * outputs: logits and offsets of the first source, of the second..., each without gaps, only read.
 * scratch: max_candidates * sizeof(td_candidate) bytes, aligned to 4, overlaps with nothing.
 * found: `size` places. */
int32_t td_detect_s8(const td_detect_op *op, const int8_t *const *outputs, td_candidate *scratch, td_detection *found,
                     int32_t size);

#ifdef __cplusplus
}
#endif

#endif
