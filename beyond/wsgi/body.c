/*
 * The body of a request: so many bytes, or chunks (RFC 9112, 6 and 7.1). What comes after it is
 * not ours to read.
 */
#define _POSIX_C_SOURCE 200809L
#include "wsgi.h"

#include <string.h>

enum { CHUNK_LINE_MOST = 256, TRAILER_LINE_MOST = 4096 };

/* The client waits to be asked (RFC 9110, 10.1.1): unless it is answered already. */
static int ask_for_it(struct request *r, struct connection *c) {
    static const char CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!r->expects || c->answered) return 0;
    r->expects = false;
    return connection_send(c, CONTINUE, strlen(CONTINUE));
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Reads the line that begins a chunk, and sets left: digits, perhaps blanks, and perhaps a
 * semicolon and what nobody needs. */
static bool read_chunk_line(struct request *r, struct connection *c) {
    char line[CHUNK_LINE_MOST];
    ssize_t size = connection_line(c, line, sizeof line, true), i = 0;
    bool begun;
    if (size == -1) return false;
    for (r->left = 0; i < size && hex_value(line[i]) != -1; i++)
        if (r->left <= body_most) r->left = r->left * 16 + (uint64_t)hex_value(line[i]);
    begun = i > 0;
    while (i < size && (line[i] == ' ' || line[i] == '\t')) i++;
    if (size == LINE_TOO_LONG || !begun || (i < size && line[i] != ';') ||
        has_controls((struct text){line, (size_t)size})) {
        c->trouble = "a chunk of the request's body begins with no size";
        return false;
    }
    r->total += r->left;
    if (r->total <= body_most) return true;
    c->trouble = "the request's body is too large";
    c->blame = "413 Content Too Large";
    return false;
}

/* Reads the fields after the last chunk, and forgets them. */
static bool read_trailer(struct connection *c) {
    char line[TRAILER_LINE_MOST];
    struct text name, value;
    c->trouble = "the trailer of the request is too long";
    for (int i = 0; i < FIELDS_MOST; i++) {
        ssize_t size = connection_line(c, line, sizeof line, true);
        if (size == 0) return true;
        if (size < 0) return false;
        if (split_field((struct text){line, (size_t)size}, &name, &value)) continue;
        c->trouble = "the trailer of the request has what is no field";
        return false;
    }
    return false;
}

/* Goes on to the next chunk. False: see trouble. */
static bool next_chunk(struct request *r, struct connection *c) {
    if (r->stage == BODY_UNDER_WAY) {
        char end[2];
        ssize_t size = connection_line(c, end, sizeof end, true);
        if (size == -1) return false;
        if (size != 0) {
            c->trouble = "a chunk of the request's body is longer than it said";
            return false;
        }
    }
    if (!read_chunk_line(r, c)) return false;
    r->stage = BODY_UNDER_WAY;
    if (r->left > 0) return true;
    r->stage = BODY_ENDED;
    return read_trailer(c);
}

ssize_t body_read(struct request *r, struct connection *c, char *to, size_t size) {
    ssize_t got = 0;
    if (size == 0 || r->stage == BODY_ENDED) return 0;
    if (r->stage == BODY_BROKEN) return -1; /* where it would go on is not known any more */
    if (r->left == 0 && !r->chunked) return 0;
    if (r->stage == BODY_NEW && ask_for_it(r, c) == -1) got = -1;
    if (got == 0 && r->left == 0 && !next_chunk(r, c)) got = -1;
    if (got == 0 && r->stage == BODY_ENDED) return 0;
    if (got == 0) {
        got = connection_take(c, to, size < r->left ? size : (size_t)r->left);
        if (got == 0) c->trouble = "the client has closed in the middle of its request";
    }
    if (got <= 0) {
        r->stage = BODY_BROKEN;
        return -1;
    }
    r->left -= (uint64_t)got;
    r->stage = BODY_UNDER_WAY;
    return got;
}
