/*
 * zen: answers three questions about the Zen of Python. A question ends with "?", an answer with
 * ".". Half a question and the client's end of file has no answer, but a line on standard error.
 */
#define _POSIX_C_SOURCE 200809L
#include "../serve.h"

#include <string.h>

static const struct {
    const char *question, *answer;
} APHORISMS[] = {
    {"Beautiful is better than?", "ugly."},
    {"Explicit is better than?", "implicit."},
    {"Simple is better than?", "complex."},
};

/* How many of the bytes are blank, at their beginning: who types a question ends it with a new
 * line. */
static size_t blanks(const char *bytes, size_t size) {
    size_t count = 0;
    while (count < size && strchr(" \r\n", bytes[count]) != NULL && bytes[count] != '\0') count++;
    return count;
}

static size_t say(struct answer *answer, const char *text, size_t taken) {
    answer->parts[0] = (struct iovec){(char *)text, strlen(text)};
    answer->logged = taken;
    return taken;
}

static size_t take(struct memory *memory, const char *bytes, size_t size, bool ended,
                   struct answer *answer) {
    size_t blank = blanks(bytes, size), length;
    const char *mark = memchr(bytes, '?', size);
    (void)memory;
    if (mark == NULL) {
        if (blank == size) return size;
        answer->last = ended || size == REQUEST_SIZE;
        if (ended) answer->complaint = "half a question, and then the end";
        if (answer->last && !ended) (void)say(answer, "Error: the question is too long.", 0);
        return 0;
    }
    length = (size_t)(mark - bytes) + 1;
    for (size_t i = 0; i < sizeof APHORISMS / sizeof APHORISMS[0]; i++)
        if (strlen(APHORISMS[i].question) == length - blank &&
            memcmp(bytes + blank, APHORISMS[i].question, length - blank) == 0)
            return say(answer, APHORISMS[i].answer, length);
    return say(answer, "Error: unknown aphorism.", length);
}

const struct protocol protocol_zen = {
    .name = "zen",
    .about = "answers questions, from \"?\" to \".\"",
    .take = take,
};
