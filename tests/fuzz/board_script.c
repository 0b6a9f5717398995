/* SPDX-License-Identifier: 0BSD */
/* Hostile bytes for the board's side of the serial protocol: from libFuzzer, or (REPLAY) from files.
 *
 * The first byte says whether inputs come in rows. Pieces follow, each behind a byte that says how long it is and
 * whether it is to be sealed as a frame, with a right CRC, which chance would never hit. Whatever the board answers must
 * be frames that read back, of statuses that there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

static int take_answer(int byte);
#define main host_main
#define putchar take_answer
#include "../project/host_protocol.c"
#undef main
#undef putchar

enum { SEAL = 0x80, ANSWER_BIT = 0x80, LAST_STATUS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t answer_body[FRAME_BODY_MAX];
static size_t answer_count;
static unsigned long answers;

static int take_answer(int byte)
{
    if (byte != 0) {
        if (answer_count == sizeof answer_body) {
            abort();
        }
        answer_body[answer_count++] = (uint8_t)byte;
    } else if (answer_count != 0u) {
        frame answer;
        if (!frame_decode(answer_body, answer_count, &answer) || answer.command < ANSWER_BIT || answer.length == 0u ||
            answer.payload[0] > LAST_STATUS || (answer.payload[0] != 0u && answer.length != 1u)) {
            abort();
        }
        answer_count = 0u;
        answers++;
    }
    return byte;
}

static void send(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0u; i < count; i++) {
        protocol_receive(bytes[i]);
    }
}

static void send_frame(const uint8_t *piece, size_t count)
{
    frame request = {0};
    uint8_t wire[FRAME_WIRE_MAX];
    request.command = count > 0u ? piece[0] : 0u;
    request.sequence = count > 1u ? piece[1] : 0u;
    for (size_t i = 2u; i < count && request.length < FRAME_PAYLOAD_MAX; i++) {
        request.payload[request.length++] = piece[i];
    }
    send(wire, frame_encode(&request, wire));
}

/* Each input begins with a board that was just switched on, as far as a HELLO can tell. */
static void restart(int rows)
{
    static const uint8_t hello[] = {1u, 0u};
    inputs[0].rows = inputs[1].rows = rows ? 5u : 1u;
    memset(first_input, 0, sizeof first_input);
    memset(second_input, 0, sizeof second_input);
    runs = 0u;
    fill_arenas();
    send((const uint8_t *)"", 1u); /* a delimiter ends what the last input left unfinished */
    send_frame(hello, sizeof hello);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    restart(size > 0u && (data[0] & 1u) != 0u);
    for (size_t at = 1u; at < size;) {
        uint8_t head = data[at++];
        size_t count = head & (SEAL - 1u);
        if (count > size - at) {
            count = size - at;
        }
        if (head & SEAL) {
            send_frame(data + at, count);
        } else {
            send(data + at, count);
        }
        at += count;
    }
    return 0;
}

#ifdef REPLAY
/* Runs the files that are named, each from memory of just its size, and tells how many answers they had. */
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
            return 1;
        }
        size_t size = (size_t)ftell(file);
        rewind(file);
        uint8_t *data = malloc(size + (size == 0u));
        if (data == NULL || fread(data, 1, size, file) != size) {
            return 1;
        }
        fclose(file);
        answers = 0u;
        LLVMFuzzerTestOneInput(data, size);
        printf("%lu\n", answers);
        free(data);
    }
    return 0;
}
#endif
