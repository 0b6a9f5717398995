/* SPDX-License-Identifier: 0BSD */
/* Finds frames in the received bytes, executes requests once, answers them as often as they come. */
#include "protocol.h"

#include <string.h>

#include "app_model.h"
#include "bytes.h"
#include "console.h"
#include "frame.h"
#include "high_water.h"
#include "selftest.h"
#include "target.h"

enum { OK = 0, UNKNOWN_COMMAND = 1, BAD_REQUEST = 2, RUN_FAILED = 3, NO_HELLO = 4 };
enum { ANSWER = 0x80 };
enum {
    HELLO = 0x01,
    NAME = 0x02,
    TENSOR = 0x03,
    WRITE = 0x04,
    RUN = 0x05,
    READ = 0x06,
    PROFILE = 0x07,
    TICKS = 0x08,
    MEMORY = 0x09,
    SELFTEST = 0x0A
};

#define DATA_MAX (FRAME_PAYLOAD_MAX - 1u) /* behind an answer's status byte */
#define TICKS_MAX (DATA_MAX / 4u)

static uint8_t body[FRAME_BODY_MAX];
static size_t body_count; /* FRAME_BODY_MAX + 1: too long, wait for a delimiter */
static frame request;
static frame answer;       /* the last one, kept for repetition */
static enum { BEFORE_HELLO, BEHIND_HELLO, ANSWER_KEPT } session; /* ANSWER_KEPT: a request came behind HELLO */
static int missing;        /* parts of the inputs that the inference under way still needs; 0: none is under way */

/* Each command checks its request, fills data[] and answer.length, and returns a status. */

static int hello(uint8_t *data)
{
    if (request.length != 0u) {
        return BAD_REQUEST;
    }
    app_model.begin();
    missing = 0;
    put_u16(data, PROTOCOL_VERSION);
    put_u32(data + 2, target_core_hz());
    data[6] = app_model.input_count;
    data[7] = app_model.output_count;
    put_u16(data + 8, app_model.layers);
    put_u32(data + 10, arena_bytes());
    put_u32(data + 14, region_bytes(app_model.stack));
    for (size_t i = 0u; i < sizeof app_model.build_id; ++i) {
        data[18 + i] = app_model.build_id[i];
    }
    answer.length = 26u;
    return OK;
}

static int name(uint8_t *data)
{
    if (request.length != 1u || request.payload[0] > 1u) {
        return BAD_REQUEST;
    }
    const char *text = request.payload[0] == 0u ? app_model.name : app_model.board;
    uint8_t count = 0u;
    for (; count < DATA_MAX && text[count] != '\0'; ++count) {
        data[count] = (uint8_t)text[count];
    }
    answer.length = count;
    return OK;
}

static int tensor(uint8_t *data)
{
    if (request.length != 2u || request.payload[0] > 1u) {
        return BAD_REQUEST;
    }
    uint8_t index = request.payload[1];
    uint32_t bytes;
    uint32_t rows = 1u;
    float scale;
    int32_t zero_point;
    if (request.payload[0] == 0u) {
        if (index >= app_model.input_count) {
            return BAD_REQUEST;
        }
        bytes = app_model.inputs[index].bytes;
        rows = app_model.inputs[index].rows;
        scale = app_model.inputs[index].scale;
        zero_point = app_model.inputs[index].zero_point;
    } else {
        if (index >= app_model.output_count) {
            return BAD_REQUEST;
        }
        bytes = app_model.outputs[index].bytes;
        scale = app_model.outputs[index].scale;
        zero_point = app_model.outputs[index].zero_point;
    }
    uint32_t scale_bits;
    memcpy(&scale_bits, &scale, sizeof scale_bits);
    put_u32(data, bytes);
    put_u32(data + 4, scale_bits);
    put_u32(data + 8, (uint32_t)zero_point);
    put_u32(data + 12, rows);
    answer.length = 16u;
    return OK;
}

/* Whether [offset, offset + count) lies within `bytes`, whatever the host sent. */
static int in_range(uint32_t offset, uint32_t count, uint32_t bytes)
{
    return offset <= bytes && count <= bytes - offset;
}

static int write(void)
{
    if (request.length < 6u || request.payload[0] >= app_model.input_count) {
        return BAD_REQUEST;
    }
    const app_input *input = &app_model.inputs[request.payload[0]];
    uint32_t offset = get_u32(request.payload + 1);
    uint32_t count = request.length - 5u;
    if (!in_range(offset, count, input->bytes / input->rows)) {
        return BAD_REQUEST;
    }
    memcpy(input->data() + offset, request.payload + 5, count);
    return OK;
}

/* Takes what a run returned; writes how many parts of the inputs are missing. */
static int finish_run(int result, uint8_t *data)
{
    missing = result < 0 ? 0 : result;
    put_u32(data, (uint32_t)missing);
    return result < 0 ? RUN_FAILED : OK;
}

static int run(uint8_t *data)
{
    if (request.length != 0u) {
        return BAD_REQUEST;
    }
    uint32_t begin = target_cycles();
    int result = app_model.run();
    put_u32(data, target_cycles() - begin);
    answer.length = 8u;
    return finish_run(result, data + 4);
}

static int read(uint8_t *data)
{
    if (request.length != 6u || request.payload[0] >= app_model.output_count) {
        return BAD_REQUEST;
    }
    const app_output *output = &app_model.outputs[request.payload[0]];
    uint32_t offset = get_u32(request.payload + 1);
    uint8_t count = request.payload[5];
    if (count == 0u || count > DATA_MAX || !in_range(offset, count, output->bytes)) {
        return BAD_REQUEST;
    }
    memcpy(data, output->data() + offset, count);
    answer.length = count;
    return OK;
}

/* Adds the cycles since *context to the layer that made them. */
static void observe(void *context, int layer)
{
    uint32_t *begin = (uint32_t *)context;
    app_model.layer_cycles[layer] += target_cycles() - *begin;
    *begin = target_cycles();
}

static int profile(uint8_t *data)
{
    if (request.length != 0u) {
        return BAD_REQUEST;
    }
    for (uint32_t layer = 0u; missing == 0 && layer < app_model.layers; ++layer) {
        app_model.layer_cycles[layer] = 0u;
    }
    uint32_t begin = target_cycles();
    int result = app_model.run_observed(observe, &begin);
    put_u16(data, app_model.layers);
    answer.length = 6u;
    return finish_run(result, data + 2);
}

static int ticks(uint8_t *data)
{
    if (request.length != 2u) {
        return BAD_REQUEST;
    }
    uint32_t first = get_u16(request.payload);
    if (first >= app_model.layers) {
        return BAD_REQUEST;
    }
    uint32_t count = app_model.layers - first;
    if (count > TICKS_MAX) {
        count = TICKS_MAX;
    }
    for (uint32_t i = 0u; i < count; ++i) {
        put_u32(data + 4u * i, app_model.layer_cycles[first + i]);
    }
    answer.length = (uint8_t)(4u * count);
    return OK;
}

static int memory(uint8_t *data)
{
    if (request.length != 0u) {
        return BAD_REQUEST;
    }
    put_u32(data, region_bytes(app_model.stack));
    put_u32(data + 4, stack_high_water());
    put_u32(data + 8, arena_bytes());
    put_u32(data + 12, arena_high_water());
    answer.length = 16u;
    return OK;
}

static int selftest(uint8_t *data)
{
    if (request.length != 0u) {
        return BAD_REQUEST;
    }
    uint32_t found;
    int result = run_selftest(&found);
    missing = 0;
    put_u32(data, app_model.selftest_crc);
    put_u32(data + 4, found);
    answer.length = 8u;
    return result == 0 ? OK : RUN_FAILED;
}

static int execute(uint8_t *data)
{
    if (session == BEFORE_HELLO && request.command != HELLO) {
        return NO_HELLO; /* a host that has not noticed the reset: what it wrote is gone */
    }
    switch (request.command) {
    case HELLO:
        return hello(data);
    case NAME:
        return name(data);
    case TENSOR:
        return tensor(data);
    case WRITE:
        return write();
    case RUN:
        return run(data);
    case READ:
        return read(data);
    case PROFILE:
        return profile(data);
    case TICKS:
        return ticks(data);
    case MEMORY:
        return memory(data);
    case SELFTEST:
        return selftest(data);
    default:
        return UNKNOWN_COMMAND;
    }
}

static void send_answer(void)
{
    uint8_t wire[FRAME_WIRE_MAX];
    console_bytes(wire, frame_encode(&answer, wire));
}

static void handle_request(void)
{
    if (request.command >= ANSWER) {
        return; /* an echo of our own answers */
    }
    int repeated = session == ANSWER_KEPT && request.sequence == answer.sequence &&
                   request.command + ANSWER == answer.command;
    if (!repeated) {
        answer.command = (uint8_t)(request.command + ANSWER);
        answer.sequence = request.sequence;
        answer.length = 0u;
        answer.payload[0] = (uint8_t)execute(answer.payload + 1);
        answer.length = (uint8_t)(answer.payload[0] == OK ? answer.length + 1u : 1u);
        if (request.command == HELLO) {
            session = BEHIND_HELLO;
        } else if (session == BEHIND_HELLO) {
            session = ANSWER_KEPT;
        }
    }
    send_answer();
}

void protocol_receive(uint8_t byte)
{
    if (byte != 0u) {
        if (body_count < FRAME_BODY_MAX) {
            body[body_count++] = byte;
        } else {
            body_count = FRAME_BODY_MAX + 1u;
        }
        return;
    }
    size_t count = body_count;
    body_count = 0u;
    if (count != 0u && count <= FRAME_BODY_MAX && frame_decode(body, count, &request)) {
        handle_request();
    }
}
