/*
 * What the fuzz targets share: the function that libFuzzer calls with one input after another, and
 * what must hold of each. Without libFuzzer, replay.c calls it with the inputs that were kept.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gives the program under test one input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run with a finding unless the condition holds: libFuzzer then saves the input. */
#define MUST(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

static inline _Noreturn void fuzz_fail(const char *file, int line, const char *condition) {
    (void)fprintf(stderr, "%s:%d: this must hold, and does not: %s\n", file, line, condition);
    abort();
}

/* Returns a stream on which nothing is kept, for what the program prints. */
static inline FILE *fuzz_sink(void) {
    static FILE *sink;
    if (!sink) sink = fopen("/dev/null", "w");
    MUST(sink);
    return sink;
}

/* Returns a copy of the input with a NUL behind, which the caller frees: it has exactly this size,
 * so that AddressSanitizer sees who reads beyond it. */
static inline char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    MUST(text);
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

enum { FUZZ_WORDS = 16 };

/* Cuts text into the words of a command line, one in a line, behind the program's name; argv has
 * room for FUZZ_WORDS and the null at the end. Returns how many there are. */
static inline int fuzz_words(char *text, size_t size, char *argv[FUZZ_WORDS + 1]) {
    int argc = 0;
    static char name[] = "program";
    argv[argc++] = name;
    for (char *at = text, *end = text + size; at < end && argc < FUZZ_WORDS; argc++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop) *stop = '\0';
        argv[argc] = at;
        at = stop ? stop + 1 : end;
    }
    argv[argc] = NULL;
    return argc;
}

/* Tells whether text is spelt as a decimal number from 0 to max; sets whole to its whole part, and
 * rest to whether there is a fraction other than 0. */
static inline bool fuzz_is_spelt(const char *text, bool fraction, long max, long *whole,
                                 bool *rest) {
    size_t digits = strspn(text, "0123456789"), more = 0;
    *whole = 0;
    *rest = false;
    for (size_t i = 0; i < digits && *whole <= max; i++) *whole = *whole * 10 + (text[i] - '0');
    if (fraction && text[digits] == '.') {
        more = strspn(text + digits + 1, "0123456789");
        *rest = strspn(text + digits + 1, "0") < more;
        digits += more > 0 || digits > 0; /* the point */
    }
    return digits + more > 0 && text[digits + more] == '\0' && *whole <= max;
}

#endif
