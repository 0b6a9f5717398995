/* SPDX-License-Identifier: 0BSD */
/* The master of the link. Pieces of a program or image go one behind the other without a look at their answers: LOAD and
 * START say which one is missing, and that is sent again. All requests may be repeated. */
#include "npu_link.h"

#include <stddef.h>
#include <string.h>

#include "bytes.h"
#include "npu_frame.h"
#include "npu_port.h"

#define ATTEMPTS 32u    /* for a request, and for a piece that is missing */
#define RESET_US 10u    /* RESET is held */
#define READY_US 20000u /* within which READY rises, but where the device computes or loads */
#define LOAD_US 200000u
#define CYCLES_BYTES 4u /* of a frame's results, in front of its outputs */

typedef union {
    uint32_t aligned;
    uint8_t bytes[NPU_PORT_ROOM];
} buffer;

npu_counters npu_link_counters;

static buffer out[2]; /* one is sent while the next is made */
static buffer in;
static uint16_t last_sequence;

/* Pieces of a program or image that are being sent. Where the interrupt is allowed, this is its own. */
static struct {
    const npu_program *program;
    const npu_frames *frames; /* of the image; NULL: it is the program that is sent */
    uint32_t index;           /* of the image in them */
    uint32_t frame;           /* its number on the link */
    uint32_t first, next, end; /* offsets; of [next, end) no frame was made yet */
    uint8_t missing[NPU_MISSING_BYTES]; /* a bit for each piece from `first` on: those that are sent */
    int all;                  /* all are, whatever `missing` says */
    uint32_t made;            /* bytes of the frame that was made; 0: none is left */
    uint32_t turn;            /* which of `out` holds it; the other one is sent */
    uint32_t sent;            /* bytes of that */
    uint32_t failures;        /* how often that did not get through */
    int status;
    volatile int busy;
} pieces;

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

/* Begins an exchange as soon as the device is ready. */
static int begin(const uint8_t *bytes, uint8_t *received, uint32_t count, uint32_t ready_us)
{
    if (wait_for_ready(ready_us) != NPU_OK) {
        return NPU_SILENT;
    }
    ++npu_link_counters.transactions;
    npu_port_begin(bytes, received, count);
    return NPU_OK;
}

/* Whether the answer is that of the request. */
static int answers(const npu_frame *answer, const npu_frame *request)
{
    return answer->command == (request->command | NPU_ANSWERED) && answer->sequence == request->sequence &&
           answer->frame == request->frame;
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

/* Sends a request without payload until its answer comes, of at most `payload_bytes`; that is valid until the next request.
 * `ready_us`: how long the device may take for it. Returns whether it came: NPU_OK, or NPU_SILENT. */
static int exchange(npu_frame *request, npu_frame *answer, uint32_t payload_bytes, uint32_t ready_us)
{
    uint32_t count = NPU_HEADER_BYTES + (payload_bytes != 0u ? payload_bytes + NPU_CRC_BYTES : 0u);
    for (uint32_t attempt = 0u; attempt < ATTEMPTS; ++attempt) {
        request->sequence = ++last_sequence;
        npu_link_counters.repeated += attempt != 0u;
        if (begin(out[0].bytes, NULL, npu_frame_pack(request, out[0].bytes), READY_US) != NPU_OK) {
            return NPU_SILENT;
        }
        int sent = npu_port_end() == 0;
        for (uint32_t reading = 0u; sent && reading < 2u; ++reading) { /* the answer stays until the next request */
            if (begin(NULL, in.bytes, count, ready_us) != NPU_OK) {
                return NPU_SILENT;
            }
            if (npu_port_end() == 0 && npu_frame_parse(in.bytes, count, answer) && answers(answer, request)) {
                return NPU_OK;
            }
        }
    }
    return NPU_SILENT;
}

static int is_wanted(uint32_t offset)
{
    uint32_t piece = (offset - pieces.first) / NPU_CHUNK;
    return pieces.all || (pieces.missing[piece / 8u] >> piece % 8u & 1u) != 0u;
}

/* Makes the frame of the next piece, if there is one. */
static void make_piece(void)
{
    while (pieces.next < pieces.end && !is_wanted(pieces.next)) {
        pieces.next += NPU_CHUNK;
    }
    pieces.made = 0u;
    if (pieces.next >= pieces.end) {
        return;
    }
    uint32_t left = pieces.end - pieces.next;
    npu_link_counters.repeated += pieces.all == 0;
    int is_image = pieces.frames != NULL;
    npu_frame request = {
        .command = is_image ? NPU_IMAGE : NPU_PROGRAM,
        .sequence = ++last_sequence,
        .length = (uint16_t)(left < NPU_CHUNK ? left : NPU_CHUNK),
        .frame = pieces.frame,
        .value = pieces.next,
        .identity = is_image ? pieces.program->identity : 0u,
    };
    uint8_t *wire = out[pieces.turn].bytes;
    uint8_t *payload = wire + NPU_HEADER_BYTES;
    if (is_image) {
        pieces.frames->image(pieces.frames->context, pieces.index, pieces.next, request.length, (int8_t *)payload);
    } else {
        memcpy(payload, pieces.program->bytes + pieces.next, request.length);
    }
    pieces.made = npu_frame_pack(&request, wire);
    pieces.next += request.length;
}

/* Begins to send the piece that was made, and makes the next one meanwhile. */
static void send_piece(void)
{
    if (pieces.made != 0u) {
        pieces.status = begin(out[pieces.turn].bytes, NULL, pieces.made, READY_US);
    }
    if (pieces.made == 0u || pieces.status != NPU_OK) {
        pieces.busy = 0;
        return;
    }
    pieces.sent = pieces.made;
    pieces.failures = 0u;
    pieces.turn ^= 1u;
    make_piece();
}

/* Begins to send pieces from `first` on: all of them, or where `all` is 0 those in pieces.missing. */
static void begin_pieces(uint32_t first, uint32_t end, int all)
{
    pieces.first = first;
    pieces.next = first;
    pieces.end = end;
    pieces.all = all;
    pieces.status = NPU_OK;
    pieces.busy = 1;
    make_piece();
    send_piece();
}

/* The same for the pieces of `size` bytes that INCOMPLETE lists. */
static void begin_missing(const npu_frame *answer, uint32_t size)
{
    uint32_t count = answer->length < NPU_MISSING_BYTES ? answer->length : NPU_MISSING_BYTES;
    uint32_t left = size - answer->value, listed = NPU_MISSING_BYTES * 8u * NPU_CHUNK;
    memset(pieces.missing, 0, sizeof pieces.missing);
    memcpy(pieces.missing, answer->payload, count);
    pieces.missing[0] |= 1u; /* the one that it names */
    begin_pieces(answer->value, answer->value + (left < listed ? left : listed), 0);
}

void npu_link_advance(void)
{
    if (!pieces.busy) {
        return;
    }
    if (npu_port_end() == 0) { /* whether it is right the device knows: what is not is missed later */
        send_piece();
        return;
    }
    ++npu_link_counters.repeated;
    ++pieces.failures;
    pieces.status =
        pieces.failures < ATTEMPTS ? begin(out[pieces.turn ^ 1u].bytes, NULL, pieces.sent, READY_US) : NPU_SILENT;
    pieces.busy = pieces.status == NPU_OK;
}

/* Waits until all pieces are sent; the interrupt is not allowed. */
static int end_pieces(void)
{
    while (pieces.busy) {
        npu_link_advance();
    }
    return pieces.status;
}

/* Sends LOAD or START behind the pieces, and those again that it misses. */
static int complete(npu_frame *request, npu_frame *answer, uint32_t ready_us)
{
    uint32_t attempts = 0u, missing = 0u;
    for (;;) {
        int status = end_pieces();
        if (status == NPU_OK) {
            status = exchange(request, answer, NPU_MISSING_BYTES, ready_us);
        }
        if (status != NPU_OK || answer->status != NPU_STATUS_INCOMPLETE) {
            return status != NPU_OK ? status : outcome(answer->status);
        }
        uint32_t offset = answer->value;
        if (offset < missing || offset >= request->value || offset % NPU_CHUNK != 0u) {
            return NPU_LOST; /* what had arrived is gone */
        }
        attempts = offset == missing ? attempts + 1u : 1u;
        if (attempts > ATTEMPTS) {
            return NPU_SILENT;
        }
        missing = offset;
        begin_missing(answer, request->value);
    }
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
    if (answer.status != NPU_STATUS_OK || answer.length < 4u || get_u16(answer.payload) != NPU_PROTOCOL_VERSION ||
        get_u16(answer.payload + 2) != NPU_CHUNK) {
        return NPU_VERSION;
    }
    if ((answer.state & NPU_STATE_LOADED) != 0u) {
        return NPU_REFUSED; /* RESET does nothing: what is left of older frames could mix with new ones */
    }
    pieces.program = program;
    pieces.frames = NULL;
    pieces.frame = 0u;
    begin_pieces(0u, program->size, 1);
    npu_frame load = {.command = NPU_LOAD, .value = program->size, .identity = program->identity};
    status = complete(&load, &answer, LOAD_US);
    return status == NPU_OK && answer.identity != program->identity ? NPU_LOST : status;
}

void npu_link_send(const npu_program *program, uint32_t frame, const npu_frames *frames, uint32_t index)
{
    pieces.program = program;
    pieces.frames = frames;
    pieces.frame = frame;
    pieces.index = index;
    begin_pieces(0u, program->image_bytes, 1);
}

int npu_link_start(const npu_program *program, uint32_t frame)
{
    npu_frame answer;
    npu_frame start = {
        .command = NPU_START, .frame = frame, .value = program->image_bytes, .identity = program->identity};
    return complete(&start, &answer, READY_US);
}

int npu_link_collect(const npu_program *program, uint32_t frame, int8_t *results)
{
    uint32_t total = CYCLES_BYTES + program->result_bytes;
    uint32_t cycles = 0u;
    for (uint32_t offset = 0u; offset < total; offset += NPU_CHUNK) {
        uint32_t count = total - offset < NPU_CHUNK ? total - offset : NPU_CHUNK;
        npu_frame answer;
        npu_frame fetch = {.command = NPU_RESULT, .frame = frame, .value = offset, .identity = program->identity};
        if (exchange(&fetch, &answer, count, program->frame_us) != NPU_OK) {
            return NPU_SILENT;
        }
        if (answer.status != NPU_STATUS_OK) {
            return outcome(answer.status);
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
