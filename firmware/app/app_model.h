/* SPDX-License-Identifier: 0BSD */
/* The model and its place in memory as the application sees them; the project's app_model.c fills this in. */
#ifndef APP_MODEL_H
#define APP_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A model input. It comes in `rows` parts of equal size, one for each run; `data` gives the place for the next, where it
 * must be when the run begins. */
typedef struct {
    int8_t *(*data)(void);
    uint32_t bytes; /* of all parts */
    uint32_t rows;  /* 1: all of it in one part; all inputs of a model have as many */
    float scale;
    int32_t zero_point;
} app_input;

/* A model output, or what is made from them. `data` gives its place, valid from a run that returned 0 until an input is
 * written. */
typedef struct {
    const int8_t *(*data)(void);
    uint32_t bytes;
    float scale;
    int32_t zero_point;
} app_output;

/* Memory from `start` up to, not including, `end`; `start` is a multiple of 4. */
typedef struct {
    uint8_t *start;
    uint8_t *end;
} app_region;

typedef struct {
    uint8_t build_id[8]; /* comes first: the host reads it in the ELF file, where the symbol app_model is */
    const char *name;    /* of the model, UTF-8 */
    const char *board;   /* UTF-8 */
    const app_input *inputs;
    const app_output *outputs;
    const app_region *arenas;
    uint32_t *layer_cycles; /* `layers` counters */
    uint8_t input_count;
    uint8_t output_count;
    uint8_t arena_count;
    uint16_t layers;
    uint16_t vector_count;
    app_region stack;
    const int8_t *vectors; /* inputs of the self-test besides random bytes, each of all parts; models with one input */
    const char *selftest_passed; /* the line that says so */
    uint32_t selftest_crc; /* that the self-test must find */
    void (*begin)(void); /* forget the parts of the inputs that came, and the stream: the next part is the first */
    /* One run: all that can be computed with the parts of the inputs that came. Returns how many are missing, 0 where the
     * outputs are there; negative: it failed. */
    int (*run)(void);
    /* As run; calls observe(context, k) behind each piece of layer k, 0 <= k < layers. */
    int (*run_observed)(void (*observe)(void *context, int layer), void *context);
    void (*receive)(uint8_t byte); /* takes each byte that the host sends */
} app_model_t;

extern const app_model_t app_model;

#ifdef __cplusplus
}
#endif

#endif
