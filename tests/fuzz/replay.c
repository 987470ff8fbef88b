/*
 * Gives a fuzz target the inputs in the files of its command line, one after another: what a run of
 * libFuzzer has found stays found, with any compiler.
 */
#define _POSIX_C_SOURCE 200809L
#include "fuzz.h"
#include <errno.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 20, DEADLINE = 60 };

/* Gives it one file. */
static void replay(const char *name) {
    static uint8_t input[INPUT_MAX];
    FILE *file = fopen(name, "r");
    if (!file) {
        (void)fprintf(stderr, "%s: %s\n", name, strerror(errno));
        exit(2);
    }
    size_t size = fread(input, 1, sizeof input, file);
    (void)fclose(file); /* it was only read */
    uint8_t *copy = malloc(size ? size : 1); /* of exactly that size: see fuzz_text */
    MUST(copy);
    memcpy(copy, input, size);
    printf("Running: %s\n", name);
    (void)fflush(stdout); /* the last line names the input that ended this */
    (void)alarm(DEADLINE); /* one that never ends is a finding, too */
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char *argv[]) {
    for (int i = 1; i < argc; i++) replay(argv[i]);
    printf("%d inputs, no finding\n", argc - 1);
    return fflush(stdout) == EOF;
}
