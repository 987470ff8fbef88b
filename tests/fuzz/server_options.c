/*
 * The servers' command line: an input is its words, one in a line. All stages read theirs with the
 * same functions (tests/repository.bats says so): this one includes step 7.
 *
 * Must hold: a refusal ends with status 2; of a lone -p or -s exactly what is spelt as a number in
 * range is accepted, and means that number.
 */
#define _POSIX_C_SOURCE 200809L
#include "fuzz.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HELPED = 0, REFUSED = 2, LISTENS = 1000 };
static jmp_buf back;
static int outcome, bound; /* the status; the port */

/* ---- What the program calls instead of the kernel ---- */

static _Noreturn void leave(int status) {
    outcome = status;
    longjmp(back, 1);
}

static int fake_call(const void *given) {
    (void)given; /* taken, so that it is used */
    return 0;
}

static int fake_bind(const struct sockaddr *address) {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    bound = ntohs(in.sin_port);
    return 0;
}

static int fake_listen(void) {
    leave(LISTENS); /* that is far enough */
}

#define exit leave
#define main server_main
#define setvbuf(...) fake_call(NULL)
#define sigaction(number, new, old) fake_call(new)
#define socket(...) fake_call(NULL)
#define setsockopt(descriptor, level, option, on, size) fake_call(on)
#define bind(descriptor, address, size) fake_bind(address)
#define listen(...) fake_listen()
#undef stdout
#undef stderr
#define stdout fuzz_sink()
#define stderr fuzz_sink()
#include "../../step7_waitpid/server.c"
#undef exit
#undef main

/* ---- What must hold ---- */

static void check_port(const char *text) {
    long whole;
    bool rest, spelt = fuzz_is_spelt(text, false, 65535, &whole, &rest);
    MUST(spelt == (outcome == LISTENS));
    if (spelt) MUST(bound == whole);
}

static void check_seconds(const char *text) {
    long whole;
    bool rest, spelt = fuzz_is_spelt(text, true, 86400, &whole, &rest);
    if (spelt && rest && whole == 86400) return; /* so close above that it may be rounded */
    MUST(spelt == (outcome == LISTENS));
    if (spelt) MUST(nap.tv_sec == whole || (rest && nap.tv_sec == whole + 1 && nap.tv_nsec == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *argv[FUZZ_WORDS + 1];
    static int argc;
    static char *text;
    text = fuzz_text(data, size);
    argc = fuzz_words(text, size, argv);
    const char *option = argv[1], *value = argc == 3 ? argv[2] : NULL; /* getopt may move them */
    optind = 0; /* getopt begins anew, in glibc */
    opterr = 0;
    bound = -1;
    nap = (struct timespec){0};
    if (setjmp(back) == 0) leave(server_main(argc, argv));
    MUST(outcome == HELPED || outcome == REFUSED || outcome == LISTENS);
    MUST(nap.tv_sec >= 0 && nap.tv_sec <= 86400);
    MUST(nap.tv_nsec >= 0 && nap.tv_nsec < 1000000000);
    if (value && strcmp(option, "-p") == 0) check_port(value);
    if (value && strcmp(option, "-s") == 0) check_seconds(value);
    free(text);
    return 0;
}
