/* SPDX-License-Identifier: 0BSD */
/* Runs pictures, one by one for the protocol or in a row for the text command. */
#include "npu_app.h"

#include <stddef.h>

#include "app_model.h"
#include "console.h"
#include "crc32.h"
#include "npu_port.h"
#include "npu_top.h"
#include "protocol.h"
#include "target.h"

#define COMMAND "stream "
#define COMMAND_LENGTH (sizeof COMMAND - 1u)
#define LINE_MAX 24u
#define FRAMES_MAX 1000000u
#define TOP 3u

typedef struct {
    void (*observe)(void *context, int stage);
    void *context;
    uint32_t crc;      /* of the outputs of all frames */
    int rest_status;
    int in_a_row;
} sequence;

static void observe(const sequence *s, int stage)
{
    if (s->observe != NULL) {
        s->observe(s->context, stage);
    }
}

static void prepare_image(void *context, uint32_t index, uint32_t offset, uint32_t count, int8_t *to)
{
    const sequence *s = context;
    observe(s, NPU_STAGE_ACCELERATOR);
    npu_image_prepare(npu_app.camera, offset, count, to);
    if (s->in_a_row && offset == 0u) {
        to[0] = (int8_t)(uint8_t)((uint8_t)to[0] ^ (index & 0xFFu));
    }
    observe(s, NPU_STAGE_PREPARE);
}

static void take_results(void *context, uint32_t index, const int8_t *results)
{
    sequence *s = context;
    (void)index;
    (void)results; /* npu_app.results */
    observe(s, NPU_STAGE_ACCELERATOR);
    if (npu_app.rest() != 0) {
        s->rest_status = -1;
    }
    observe(s, NPU_STAGE_REST);
    for (uint32_t i = 0u; s->in_a_row && i < app_model.output_count; ++i) {
        s->crc = crc32_update(s->crc, app_model.outputs[i].data(), app_model.outputs[i].bytes);
    }
}

static int run_sequence(sequence *s, uint32_t count)
{
    npu_frames frames = {.image = prepare_image, .results = take_results, .context = s};
    int status = npu_run_frames(&npu_app.program, count, &frames, npu_app.results);
    return status == NPU_OK ? s->rest_status : status;
}

static void say(const char *text, uint32_t value)
{
    console_text(text);
    console_decimal(value);
}

static void say_error(int status)
{
    say("npu: error ", (uint32_t)-status);
    console_text("\r\n");
}

void npu_app_begin(void)
{
    static int opened;
    if (!opened) {
        opened = 1;
        npu_image_open(&npu_app.settings);
        npu_port_open();
    }
}

int npu_app_run(void)
{
    return npu_app_run_observed(NULL, NULL);
}

int npu_app_run_observed(void (*observer)(void *context, int stage), void *context)
{
    sequence s = {.observe = observer, .context = context};
    int status = run_sequence(&s, 1u);
    if (status != NPU_OK) {
        say_error(status);
    }
    return status;
}

static void say_found(void)
{
    if (npu_app.box_count != NULL) {
        say(", boxes ", *npu_app.box_count);
        return;
    }
    uint16_t best[TOP];
    const app_output *output = &app_model.outputs[0];
    uint32_t found = npu_top(output->data(), output->bytes, TOP, best);
    for (uint32_t i = 0u; i < found; ++i) {
        say(i == 0u ? ", best " : " ", best[i]);
    }
}

static void stream(uint32_t count)
{
    npu_counters before = *npu_count();
    sequence s = {.in_a_row = 1};
    uint32_t begin = target_cycles();
    int status = run_sequence(&s, count);
    uint32_t cycles = target_cycles() - begin;
    npu_counters after = *npu_count();
    if (status != NPU_OK) {
        say_error(status);
        return;
    }
    say("npu: ", count);
    say(" frames, ", cycles);
    say(" cycles, accelerator ", after.cycles);
    say(" cycles each, ", after.transactions - before.transactions);
    say(" transactions, ", after.repeated - before.repeated);
    say(" repeated, ", after.resets - before.resets);
    console_text(" resets, outputs ");
    console_hex(s.crc, 8u);
    say_found();
    console_text("\r\n");
}

/* A number of frames behind the command's word; 0 where the line is none. */
static uint32_t parse_line(const char *line, uint32_t length)
{
    uint32_t count = 0u;
    for (uint32_t i = 0u; i < length; ++i) {
        if (i < COMMAND_LENGTH ? line[i] != COMMAND[i] : line[i] < '0' || line[i] > '9') {
            return 0u;
        }
        count = i < COMMAND_LENGTH ? 0u : 10u * count + (uint32_t)(line[i] - '0');
        if (count > FRAMES_MAX) {
            return 0u;
        }
    }
    return count;
}

/* Behind the zero that begins or ends a frame of the protocol a lower-case letter begins a line: no frame does. */
void npu_app_receive(uint8_t byte)
{
    static enum { BETWEEN, BEHIND_ZERO, IN_FRAME, IN_LINE } state;
    static char line[LINE_MAX];
    static uint32_t length;
    if (byte == 0u) {
        state = BEHIND_ZERO;
    } else if (state == BETWEEN || state == BEHIND_ZERO) {
        if (byte >= 'a' && byte <= 'z') {
            state = IN_LINE;
            length = 0u;
        } else if (state == BEHIND_ZERO) {
            state = IN_FRAME;
        }
    }
    if (state != IN_LINE) {
        if (state != BETWEEN) {
            protocol_receive(byte);
        }
        return;
    }
    if (byte != '\n' && byte != '\r') {
        if (length < LINE_MAX) {
            line[length++] = (char)byte;
        }
        return;
    }
    state = BETWEEN;
    uint32_t count = parse_line(line, length);
    if (count != 0u) {
        stream(count);
    } else {
        console_text("npu: stream 1 to 1000000\r\n");
    }
}
