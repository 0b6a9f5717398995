/* SPDX-License-Identifier: 0BSD */
/* Answers MLPerf Tiny's runner: name, profile, timestamp, db, infer, results. The model's input is kept by the
 * application and only read by a run, so that N inferences work on what was loaded once. */
#include "mlperf.h"

#include <stddef.h>
#include <string.h>

#include "app_model.h"
#include "console.h"
#include "mlperf_config.h"
#include "protocol.h"
#include "target.h"

#define LINE_MAX 80u /* characters of a command */
#define DEFAULT_WARMUP 10
#define COUNT_MAX 100000000 /* larger numbers are refused */

/* Where the bytes of an input go: pixels and int8 values into the model's input as they come, real values into a buffer
 * that the result is computed from, too. */
#if MLPERF_INPUT == MLPERF_FLOATS
static float values[MLPERF_INPUT_BYTES / sizeof(float)];
#endif

static enum { BETWEEN, BEHIND_ZERO, IN_FRAME, IN_TEXT } state; /* BETWEEN: what is no command is ignored */
static char line[LINE_MAX + 1u];
static uint32_t length;    /* LINE_MAX + 1: too long */
static uint32_t loaded;    /* bytes of the input that came */
static int is_loading;     /* between `db load` and the last byte */
static uint64_t elapsed;   /* cycles since target_init */
static uint32_t last_look; /* at the 32-bit counter */

static void advance_clock(void)
{
    uint32_t now = target_cycles();
    elapsed += (uint32_t)(now - last_look);
    last_look = now;
}

/* Prints the microseconds since start-up, modulo 2^32. */
static void print_timestamp(void)
{
    advance_clock();
    console_text("m-lap-us-");
    console_decimal((uint32_t)(elapsed / (target_core_hz() / 1000000u)));
    console_text("\r\n");
}

static void complain(const char *text)
{
    console_text("e-[");
    console_text(text);
    console_text("]\r\n");
}

/* `value` within [-limit, limit]; limit where it is no number. */
static float bound(float value, float limit)
{
    return value < -limit ? -limit : value < limit ? value : limit;
}

/* Rounded to three digits, halves away from zero; within 2^31 / 1000. */
static void print_thousandths(float value)
{
    float scaled = bound(value * 1000.0f, 2147483520.0f); /* the largest float below 2^31 */
    int32_t rounded = (int32_t)(scaled < 0.0f ? scaled - 0.5f : scaled + 0.5f);
    uint32_t size = rounded < 0 ? (uint32_t)-rounded : (uint32_t)rounded;
    if (rounded < 0) {
        console_text("-");
    }
    console_decimal(size / 1000u);
    console_text(".");
    console_decimal(size / 100u % 10u);
    console_decimal(size / 10u % 10u);
    console_decimal(size % 10u);
}

static float real_output(uint32_t index)
{
    const app_output *output = &app_model.outputs[0];
    return output->scale * (float)(output->data()[index] - output->zero_point);
}

/* Class scores; of an autoencoder the mean squared error. */
static void print_results(void)
{
    console_text("m-results-[");
#if MLPERF_INPUT == MLPERF_FLOATS
    float sum = 0.0f;
    for (uint32_t i = 0u; i < app_model.outputs[0].bytes; ++i) {
        float error = real_output(i) - values[i];
        sum += error * error;
    }
    print_thousandths(sum / (float)app_model.outputs[0].bytes);
#else
    for (uint32_t i = 0u; i < app_model.outputs[0].bytes; ++i) {
        if (i != 0u) {
            console_text(",");
        }
        print_thousandths(real_output(i));
    }
#endif
    console_text("]\r\n");
}

/* Takes byte number `loaded` of the input. */
static void load_byte(uint8_t byte)
{
#if MLPERF_INPUT == MLPERF_FLOATS
    memcpy((uint8_t *)values + loaded, &byte, 1u);
#elif MLPERF_INPUT == MLPERF_PIXELS
    app_model.inputs[0].data()[loaded] = (int8_t)((int32_t)byte - 128);
#else
    app_model.inputs[0].data()[loaded] = (int8_t)byte;
#endif
    ++loaded;
}

#if MLPERF_INPUT == MLPERF_FLOATS
/* Makes int8 values of the real ones: rounded to the nearest, halves away from zero. */
static void quantize_input(void)
{
    const app_input *input = &app_model.inputs[0];
    for (uint32_t i = 0u; i < input->bytes; ++i) {
        float scaled = bound(values[i] / input->scale, 1000.0f); /* beyond all int8 values and zero points */
        int32_t value = (int32_t)(scaled < 0.0f ? scaled - 0.5f : scaled + 0.5f) + input->zero_point;
        input->data()[i] = (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
    }
}
#endif

/* Cuts the next word off *text; NULL where there is none. */
static char *next_word(char **text)
{
    char *from = *text;
    while (*from == ' ') {
        ++from;
    }
    char *to = from;
    while (*to != '\0' && *to != ' ') {
        ++to;
    }
    *text = to;
    if (*to == ' ') {
        *to = '\0';
        *text = to + 1;
    }
    return to == from ? NULL : from;
}

static int is_word(const char *word, const char *expected)
{
    while (*word != '\0' && *word == *expected) {
        ++word;
        ++expected;
    }
    return *word == *expected;
}

/* A number in decimal digits; -1 for anything else. */
static int32_t read_number(const char *word)
{
    int32_t value = 0;
    do {
        if (*word < '0' || *word > '9' || value > COUNT_MAX / 10) {
            return -1;
        }
        value = 10 * value + (*word - '0');
    } while (*++word != '\0');
    return value;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

static void begin_load(const char *size)
{
    is_loading = size != NULL && read_number(size) == (int32_t)MLPERF_INPUT_BYTES;
    loaded = 0u;
    console_text(is_loading ? "m-[Expecting " : "e-[The model takes ");
    console_decimal(MLPERF_INPUT_BYTES);
    console_text(" bytes]\r\n");
}

/* Takes bytes in hexadecimal digits; what follows the last byte is ignored, as the runner fills its last line. */
static void load_digits(const char *digits)
{
    while (is_loading && *digits != '\0') {
        int high = hex_digit(digits[0]);
        int low = digits[1] == '\0' ? -1 : hex_digit(digits[1]);
        if (high < 0 || low < 0) {
            complain("Two hex digits make a byte");
            return;
        }
        load_byte((uint8_t)(16 * high + low));
        digits += 2;
        if (loaded == MLPERF_INPUT_BYTES) {
            is_loading = 0;
#if MLPERF_INPUT == MLPERF_FLOATS
            quantize_input();
#endif
            console_text("m-load-done\r\n");
        }
    }
}

static void do_db(char *words)
{
    char *word = next_word(&words);
    if (word == NULL) {
        complain("Command 'db' requires a subcommand");
    } else if (is_word(word, "load")) {
        begin_load(next_word(&words));
    } else if (is_loading == 0) {
        complain("Command 'db load' comes first");
    } else {
        load_digits(word);
    }
}

/* Runs so many times; returns 0 where one has failed. */
static int run_times(int32_t count)
{
    int good = 1;
    while (good != 0 && count-- > 0) {
        good = app_model.run() == 0;
        advance_clock(); /* the counter of 32 bits wraps within seconds */
    }
    return good;
}

static void do_infer(char *words)
{
    const char *word = next_word(&words);
    const char *second = word == NULL ? NULL : next_word(&words);
    int32_t count = word == NULL ? 1 : read_number(word);
    int32_t warmup = second == NULL ? DEFAULT_WARMUP : read_number(second);
    if (count < 1 || warmup < 0) {
        complain("infer N W: N inferences, at least 1, after W to warm up");
        return;
    }
    app_model.begin();
    console_text("m-warmup-start-");
    console_decimal((uint32_t)warmup);
    console_text("\r\n");
    int good = run_times(warmup);
    console_text("m-warmup-done\r\nm-infer-start-");
    console_decimal((uint32_t)count);
    console_text("\r\n");
    print_timestamp();
    good = good != 0 && run_times(count);
    print_timestamp();
    if (good == 0) {
        complain("Inference failed");
        return;
    }
    console_text("m-infer-done\r\n");
    print_results();
}

static void execute(char *words)
{
    const char *word = next_word(&words);
    if (word == NULL) {
        complain("No command");
    } else if (is_word(word, "name")) {
        console_text("m-name-dut-[" MLPERF_VENDOR "]\r\n");
    } else if (is_word(word, "profile")) {
        console_text("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[" MLPERF_MODEL "]\r\n");
    } else if (is_word(word, "timestamp")) {
        print_timestamp();
    } else if (is_word(word, "db")) {
        do_db(words);
    } else if (is_word(word, "infer")) {
        do_infer(words);
    } else if (is_word(word, "results")) {
        print_results();
    } else if (is_word(word, "help")) {
        console_text("name, profile, timestamp, db load N, db HEX, infer N [W], results\r\n");
    } else {
        console_text("e-[Unknown command: ");
        console_text(word);
        console_text("]\r\n");
    }
}

static void take_character(char character)
{
    if (character != '%') {
        if (length < LINE_MAX) {
            line[length++] = character;
        } else {
            length = LINE_MAX + 1u;
        }
        return;
    }
    state = BETWEEN;
    if (length > LINE_MAX) {
        complain("The command is too long");
    } else {
        line[length] = '\0';
        execute(line);
    }
    console_text("m-ready\r\n");
}

void mlperf_receive(uint8_t byte)
{
    advance_clock();
    if (byte == 0u) {
        state = BEHIND_ZERO;
    } else if (state == BETWEEN || state == BEHIND_ZERO) {
        if (byte >= 'a' && byte <= 'z') {
            state = IN_TEXT;
            length = 0u;
        } else if (state == BEHIND_ZERO) {
            state = IN_FRAME;
        }
    }
    if (state == IN_TEXT) {
        take_character((char)byte);
    } else if (state != BETWEEN) {
        protocol_receive(byte);
    }
}
