/*
 * The client's command line: an input is its words, one in a line.
 *
 * Must hold: a refusal ends with status 2; what is accepted is in range; the request that follows
 * from it is one, and ends as it must unless the host is longer than any there is.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *argv[FUZZ_WORDS + 1];
    static struct options options;
    static char *text;
    static int argc;
    text = fuzz_text(data, size);
    argc = fuzz_words(text, size, argv);
    optind = 0; /* getopt_long begins anew, in glibc */
    opterr = 0;
    if (setjmp(back) == 0) {
        options = parse_options(argc, argv);
        ending = PARSED;
    }
    MUST(ending == STATUS_HELPED || ending == STATUS_REFUSED || ending == PARSED);
    if (ending == PARSED) check_options(&options);
    free(text);
    return 0;
}
