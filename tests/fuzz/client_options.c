/*
 * The client's command line: an input is its words, one in a line.
 *
 * Must hold: a refusal ends with status 2; what is accepted is in range; of a lone -c, -n, -p, -t
 * exactly what is spelt as a number in range is accepted; the request that follows is whole, unless
 * the host is longer than any there is.
 */
#define _GNU_SOURCE
#include "fuzz.h"
#include <setjmp.h>

enum { STATUS_HELPED = 0, STATUS_REFUSED = 2, PARSED = 1000, HOST_MAX = 253 };
static jmp_buf back;
static int ending; /* the status, or PARSED */

static _Noreturn void leave(int status) {
    ending = status;
    longjmp(back, 1);
}

#define exit leave
#define main client_main
#undef stdout
#undef stderr
#define stdout fuzz_sink()
#define stderr fuzz_sink()
#undef printf
#define printf(...) fprintf(stdout, __VA_ARGS__)
#include "../../client/client.c"
#undef exit
#undef main

static void check_options(const struct options *options) {
    char peer[300], request[REQUEST_SIZE], number[8];
    MUST(options->clients >= 1 && options->clients <= MAX_CLIENTS);
    MUST(options->conns >= 1 && options->conns <= MAX_CONNS);
    MUST(options->clients * options->conns <= MAX_TOTAL);
    MUST(options->port >= 1 && options->port <= MAX_PORT);
    MUST(options->timeout > 0 && options->timeout <= MAX_SECONDS);
    MUST(to_milliseconds(options->timeout) > 0);
    MUST(snprintf(number, sizeof number, "%ld", options->port) < (int)sizeof number);
    format_peer(peer, sizeof peer, options->host, number);
    format_request(request, peer);
    if (strlen(options->host) > HOST_MAX) return;
    MUST(strstr(peer, options->host) && strstr(request, peer));
    MUST(strcmp(request + strlen(request) - 4, "\r\n\r\n") == 0);
}

/* Checks a command line that is one option with a number. */
static void check_number(char option, const char *text) {
    static const struct {
        char option;
        long max;
    } NUMBERS[] = {{'c', MAX_CLIENTS}, {'n', MAX_CONNS}, {'p', MAX_PORT}, {'t', MAX_SECONDS}};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        long whole;
        bool rest, seconds = option == 't';
        if (NUMBERS[i].option != option) continue;
        bool spelt = fuzz_is_spelt(text, seconds, NUMBERS[i].max, &whole, &rest);
        if (spelt && rest && (whole == 0 || whole == NUMBERS[i].max)) return; /* may be rounded */
        MUST((ending == PARSED) == (spelt && (whole > 0 || rest)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *argv[FUZZ_WORDS + 1];
    static struct options options;
    static char *text;
    static int argc;
    text = fuzz_text(data, size);
    argc = fuzz_words(text, size, argv);
    const char *option = argv[1], *value = argc == 3 ? argv[2] : NULL; /* getopt may move them */
    optind = 0; /* getopt_long begins anew, in glibc */
    opterr = 0;
    if (setjmp(back) == 0) {
        options = parse_options(argc, argv);
        ending = PARSED;
    }
    MUST(ending == STATUS_HELPED || ending == STATUS_REFUSED || ending == PARSED);
    if (ending == PARSED) check_options(&options);
    if (value && option[0] == '-' && option[1] && !option[2]) check_number(option[1], value);
    free(text);
    return 0;
}
