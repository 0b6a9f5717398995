/* SPDX-License-Identifier: 0BSD */
/* The master of the link. An answer comes with the transaction behind its request's; all requests may be repeated. */
#include "npu_link.h"

#include <string.h>

#include "bytes.h"
#include "npu_frame.h"
#include "npu_port.h"

#define ATTEMPTS 32u         /* for a request, and for all pieces of a program or image */
#define RESET_US 10u         /* RESET is held */
#define READY_US 20000u      /* within which READY rises, but where the device computes or loads */
#define LOAD_US 200000u
#define PIECES_MAX 1024u     /* of a program or image */
#define CYCLES_BYTES 4u      /* of a frame's results, in front of its outputs */
#define NONE 0xFFFFFFFFu

npu_counters npu_link_counters;

/* Two of each: one is sent while the next is made, one is received while the last is read. */
static uint8_t out[2][NPU_FRAME_BYTES];
static uint8_t in[2][NPU_FRAME_BYTES];
static uint16_t last_sequence;

static int wait_for_ready(uint32_t limit_us)
{
    uint32_t begin = npu_port_ticks();
    uint32_t limit = limit_us * npu_port_ticks_per_us();
    while (!npu_port_is_ready()) {
        if (npu_port_ticks() - begin > limit) {
            return NPU_SILENT;
        }
    }
    return NPU_OK;
}

/* Begins a transaction as soon as the device is ready. */
static int begin(const uint8_t *bytes, uint8_t *received, uint32_t count, uint32_t ready_us)
{
    if (wait_for_ready(ready_us) != NPU_OK) {
        return NPU_SILENT;
    }
    ++npu_link_counters.transactions;
    npu_port_begin(bytes, received, count);
    return NPU_OK;
}

static int transact(const uint8_t *bytes, uint8_t *received, uint32_t count, uint32_t ready_us)
{
    if (begin(bytes, received, count, ready_us) != NPU_OK) {
        return NPU_SILENT;
    }
    return npu_port_end() == 0 ? NPU_OK : NPU_SILENT;
}

static int outcome(uint8_t status)
{
    switch (status) {
    case NPU_STATUS_OK:
        return NPU_OK;
    case NPU_STATUS_NO_PROGRAM:
    case NPU_STATUS_WRONG_PROGRAM:
    case NPU_STATUS_INCOMPLETE:
    case NPU_STATUS_NO_FRAME:
        return NPU_LOST;
    case NPU_STATUS_BAD_PROGRAM:
        return NPU_BAD_PROGRAM;
    case NPU_STATUS_TRAP:
        return NPU_TRAPPED;
    default:
        return NPU_REFUSED;
    }
}

/* Whether the answer is that of the request. */
static int answers(const npu_frame *answer, const npu_frame *request, uint16_t sequence)
{
    return answer->command == (request->command | NPU_ANSWERED) && answer->sequence == sequence &&
           answer->frame == request->frame;
}

/* Sends a request until its answer comes, of at most `payload_bytes`; that is valid until the next request.
 * `ready_us`: how long the device may take for it. */
static int exchange(npu_frame *request, npu_frame *answer, uint32_t payload_bytes, uint32_t ready_us)
{
    for (uint32_t attempt = 0u; attempt < ATTEMPTS; ++attempt) {
        request->sequence = ++last_sequence;
        npu_link_counters.repeated += attempt != 0u;
        uint32_t count = NPU_HEADER_BYTES + (payload_bytes != 0u ? payload_bytes + NPU_CRC_BYTES : 0u);
        if (transact(out[0], in[0], npu_frame_pack(request, out[0]), READY_US) != NPU_OK) {
            return NPU_SILENT;
        }
        for (uint32_t reading = 0u; reading < 2u; ++reading) { /* the answer stays until the next request */
            if (transact(NULL, in[0], count, ready_us) != NPU_OK) {
                return NPU_SILENT;
            }
            if (npu_frame_parse(in[0], count, answer) && answers(answer, request, request->sequence)) {
                return outcome(answer->status);
            }
        }
    }
    return NPU_SILENT;
}

/* What is known of the pieces of a program or image. */
typedef struct {
    uint8_t arrived[PIECES_MAX / 8u]; /* a bit for each */
    npu_frame request;
    uint32_t piece;    /* whose answer comes next; NONE */
    uint16_t sequence; /* of its request */
    int status;        /* why the device refuses them */
} transfer;

static int has_arrived(const transfer *t, uint32_t piece)
{
    return t->arrived[piece / 8u] >> (piece % 8u) & 1;
}

/* Looks into what came with a transaction: the answer for the piece that was sent before. */
static void note_answer(transfer *t, const uint8_t *received, uint32_t count)
{
    npu_frame answer;
    if (t->piece == NONE || !npu_frame_parse(received, count, &answer) ||
        !answers(&answer, &t->request, t->sequence)) {
        return;
    }
    t->status = outcome(answer.status);
    if (t->status == NPU_OK) {
        t->arrived[t->piece / 8u] |= (uint8_t)(1u << (t->piece % 8u));
    }
}

/* Sends all pieces that have not arrived. Each is made while the one before it is on its way, and read is what came with
 * that while this one is. Returns how many were sent; negative: an error. */
static int send_round(transfer *t, const uint8_t *bytes, uint32_t size)
{
    uint32_t pieces = (size + NPU_CHUNK - 1u) / NPU_CHUNK;
    uint32_t sent = 0u, last_count = 0u;
    uint32_t last_piece = NONE;
    uint16_t sequence_of_last = 0u;
    t->piece = NONE;
    for (uint32_t piece = 0u; piece <= pieces; ++piece) {
        int idle = piece == pieces; /* behind the last piece: only fetches its answer */
        if (!idle && has_arrived(t, piece)) {
            continue;
        }
        if (idle && sent == 0u) {
            return 0;
        }
        uint32_t count = NPU_HEADER_BYTES;
        uint8_t *wire = out[sent & 1u];
        if (!idle) {
            uint32_t left = size - piece * NPU_CHUNK;
            t->request.value = piece * NPU_CHUNK;
            t->request.length = (uint16_t)(left < NPU_CHUNK ? left : NPU_CHUNK);
            t->request.payload = bytes + t->request.value;
            t->request.sequence = ++last_sequence;
            count = npu_frame_pack(&t->request, wire);
        }
        if (last_count != 0u && npu_port_end() != 0) {
            return NPU_SILENT;
        }
        int status = begin(idle ? NULL : wire, in[sent & 1u], count, READY_US);
        if (status != NPU_OK) {
            return status;
        }
        if (last_count != 0u) {
            note_answer(t, in[(sent & 1u) ^ 1u], last_count);
        }
        t->piece = last_piece;
        t->sequence = sequence_of_last;
        last_piece = piece;
        sequence_of_last = t->request.sequence;
        last_count = count;
        ++sent;
    }
    if (npu_port_end() != 0) {
        return NPU_SILENT;
    }
    note_answer(t, in[(sent & 1u) ^ 1u], last_count);
    return (int)sent - 1;
}

/* Sends all pieces of a program or image, and those again that did not arrive. */
static int send_pieces(uint8_t command, uint32_t frame, uint32_t identity, const uint8_t *bytes, uint32_t size)
{
    transfer t = {.request = {.command = command, .frame = frame, .identity = identity}};
    if (size > PIECES_MAX * NPU_CHUNK) {
        return NPU_REFUSED;
    }
    for (uint32_t attempt = 0u; attempt < ATTEMPTS; ++attempt) {
        int sent = send_round(&t, bytes, size);
        if (sent <= 0 || t.status != NPU_OK) { /* 0: all have arrived */
            return sent < 0 ? sent : t.status;
        }
        npu_link_counters.repeated += attempt != 0u ? (uint32_t)sent : 0u;
    }
    return NPU_SILENT;
}

int npu_link_open(const npu_program *program)
{
    ++npu_link_counters.resets;
    npu_port_reset(1);
    uint32_t begin_ticks = npu_port_ticks();
    while (npu_port_ticks() - begin_ticks < RESET_US * npu_port_ticks_per_us()) {
    }
    npu_port_reset(0);

    npu_frame answer;
    npu_frame hello = {.command = NPU_HELLO};
    int status = exchange(&hello, &answer, 16u, READY_US);
    if (status != NPU_OK) {
        return status;
    }
    if (answer.length < 4u || get_u16(answer.payload) != NPU_PROTOCOL_VERSION ||
        get_u16(answer.payload + 2) != NPU_CHUNK) {
        return NPU_VERSION;
    }
    if ((answer.state & NPU_STATE_LOADED) != 0u) {
        return NPU_REFUSED; /* RESET does nothing: what is left of older frames could mix with new ones */
    }
    status = send_pieces(NPU_PROGRAM, 0u, 0u, program->bytes, program->size);
    if (status != NPU_OK) {
        return status;
    }
    npu_frame load = {.command = NPU_LOAD, .value = program->size, .identity = program->identity};
    status = exchange(&load, &answer, 0u, LOAD_US);
    return status == NPU_OK && answer.identity != program->identity ? NPU_LOST : status;
}

int npu_link_submit(const npu_program *program, uint32_t frame, const int8_t *image)
{
    int status = send_pieces(NPU_IMAGE, frame, program->identity, (const uint8_t *)image, program->image_bytes);
    if (status != NPU_OK) {
        return status;
    }
    npu_frame answer;
    npu_frame start = {
        .command = NPU_START, .frame = frame, .value = program->image_bytes, .identity = program->identity};
    return exchange(&start, &answer, 0u, READY_US);
}

int npu_link_collect(const npu_program *program, uint32_t frame, int8_t *results)
{
    uint32_t total = CYCLES_BYTES + program->result_bytes;
    uint32_t cycles = 0u;
    for (uint32_t offset = 0u; offset < total; offset += NPU_CHUNK) {
        uint32_t count = total - offset < NPU_CHUNK ? total - offset : NPU_CHUNK;
        npu_frame answer;
        npu_frame fetch = {.command = NPU_RESULT, .frame = frame, .value = offset, .identity = program->identity};
        int status = exchange(&fetch, &answer, count, program->frame_us);
        if (status != NPU_OK) {
            return status;
        }
        if (answer.identity != program->identity) {
            return NPU_LOST;
        }
        if (answer.value != total || answer.length != count) {
            return NPU_REFUSED;
        }
        uint32_t skipped = 0u;
        if (offset == 0u) {
            cycles = get_u32(answer.payload);
            skipped = CYCLES_BYTES;
        }
        memcpy(results + (offset + skipped - CYCLES_BYTES), answer.payload + skipped, count - skipped);
    }
    npu_link_counters.cycles = cycles;
    ++npu_link_counters.frames;
    return NPU_OK;
}
