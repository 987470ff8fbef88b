/*
 * The client's reading of an answer, from recv(2) to what it prints of it. An input is a line, and
 * behind it what the server sends. Each character of the line is one recv: '0' one byte, 1 to 9
 * and beyond, seven times that; R, a reset; I, an interrupt. Behind the last one all the rest
 * comes, and the end of file.
 *
 * Must hold: the same answer comes of the same bytes, however they are split, and it is the one
 * that a plain second reader finds; each connection is settled, reported and counted once;
 * what is printed cannot drive a terminal.
 */
#define _POSIX_C_SOURCE 200809L
#include "fuzz.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- The network, the pipe and the terminal ---- */

static const char *script, *stream; /* what is left of both, */
static size_t steps, unsent, served; /* and how much; served: how much of the stream is not left */
static char pipe_bytes[4096]; /* the records that were written */
static size_t piped, taken, torn; /* torn: the most that one read returns */
static FILE *terminal;

static ssize_t fake_recv(char *to, size_t room) {
    size_t count = unsent;
    if (steps > 0) {
        steps--;
        char step = *script++;
        if (step == 'R' || step == 'I') {
            errno = step == 'R' ? ECONNRESET : EINTR;
            return -1;
        }
        count = step > '0' ? (size_t)(step - '0') * 7 : 1;
    }
    if (count > unsent) count = unsent;
    if (count > room) count = room;
    memcpy(to, stream, count);
    stream += count;
    unsent -= count;
    served += count;
    return (ssize_t)count;
}

static ssize_t fake_write(const void *from, size_t size) {
    MUST(size <= sizeof pipe_bytes - piped);
    memcpy(pipe_bytes + piped, from, size);
    piped += size;
    return (ssize_t)size;
}

static ssize_t fake_read(void *to, size_t room) {
    size_t count = piped - taken < torn ? piped - taken : torn;
    if (count > room) count = room;
    memcpy(to, pipe_bytes + taken, count);
    taken += count;
    return (ssize_t)count;
}

#define recv(descriptor, to, room, flags) fake_recv(to, room)
#define write(descriptor, from, size) fake_write(from, size)
#define read(descriptor, to, room) fake_read(to, room)
#undef printf
#define printf(...) fprintf(terminal, __VA_ARGS__)
#undef putchar
#define putchar(character) fputc(character, terminal)
#define main client_main
#include "../../client/client.c"
#undef main

/* ---- What must hold ---- */

/* The second reader: looks at the whole answer at once. */
static bool is_whole(const char *text, size_t size) {
    unsigned long long expected = 0;
    const char *end = text + size, *line = text;
    bool is_first = true;
    for (const char *stop; (stop = memchr(line, '\n', (size_t)(end - line))); line = stop + 1) {
        char copy[64] = "";
        size_t length = (size_t)(stop - line);
        if (length > sizeof copy - 1) length = sizeof copy - 1; /* the client keeps no more */
        memcpy(copy, line, length);
        if (length > 0 && copy[length - 1] == '\r') copy[--length] = '\0';
        if (is_first && strncmp(copy, "HTTP/", 5) != 0) return false;
        if (!is_first && length == 0) return (size_t)(end - stop - 1) >= expected;
        if (!is_first && strncasecmp(copy, "Content-Length:", 15) == 0)
            expected = strtoull(copy + 15, NULL, 10);
        is_first = false;
    }
    return false;
}

/* Feeds the same bytes in another split: one by one. */
static bool is_whole_in_pieces(const char *text, size_t size) {
    struct answer answer = {.length = 0};
    for (size_t i = 0; i < size; i++) answer_feed(&answer, text + i, 1);
    return answer_is_whole(&answer);
}

static void check_terminal(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) MUST(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
    MUST(size > 0 && text[size - 1] == '\n' && !strstr(text, "\n\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static double times[MOMENTS][2];
    struct run run = {.options = {.conns = 1, .verbose = true}, .client = 1, .total = 2};
    struct connection conn = {.state = READING, .number = 1, .descriptor = -1};
    char *input = fuzz_text(data, size), *line = memchr(input, '\n', size), *printed = NULL;
    size_t printed_size = 0;
    if (!line) line = input + size;
    script = input;
    steps = (size_t)(line - input);
    torn = steps > 0 ? ((size_t)(unsigned char)*input + 1) * 4 : sizeof(struct record);
    stream = line + (line < input + size);
    unsent = size - (size_t)(stream - input);
    const char *answer = stream;
    served = piped = taken = 0;
    for (int i = 0; i < MOMENTS; i++) {
        conn.times[i] = -1;
        run.times[i] = times[i];
    }
    conn.times[CONNECT] = 0;
    (void)snprintf(run.peer, sizeof run.peer, "127.0.0.1:8888");
    while (conn.state != SETTLED) read_answer(&run, &conn);
    MUST(answer_is_whole(&conn.answer) == is_whole(answer, served));
    MUST(answer_is_whole(&conn.answer) == is_whole_in_pieces(answer, served));
    MUST(conn.excerpt_size == (served < EXCERPT_SIZE ? served : EXCERPT_SIZE));
    MUST(memcmp(conn.excerpt, answer, conn.excerpt_size) == 0);

    MUST(conn.error == ECONNRESET || (conn.error == 0 && unsent == 0 && conn.ended));
    struct record second; /* so that records are torn */
    MUST(piped == sizeof second);
    memcpy(&second, pipe_bytes, sizeof second);
    second.times[CONNECT] = 1;
    (void)fake_write(&second, sizeof second);

    terminal = open_memstream(&printed, &printed_size);
    MUST(terminal);
    while (take_records(&run)) continue;
    MUST(fclose(terminal) == 0);
    MUST(run.reported == 2 && run.filled == 0);
    MUST(times[CONNECT][0] == 0 && times[CONNECT][1] == 1);
    bool whole = is_whole(answer, served);
    MUST(run.counts[conn.error == ECONNRESET ? RESET : whole ? ENDED : NO_ANSWER] == 2);
    check_terminal(printed, printed_size);
    free(printed);
    free(input);
    return 0;
}
