/*
 * The head of a request: read line by line, and refused where it could be read in two ways.
 *
 * RFC 9112 says what is a request and what is none. Between a proxy and a server that differ about
 * that, requests can be smuggled.
 */
#define _POSIX_C_SOURCE 200809L
#include "wsgi.h"

#include <string.h>
#include <strings.h>

/* Takes the target apart: "/path?query", or "http://host/path?query". RFC 9112, 3.2. Returns 0, or
 * the status to refuse it with. */
static int read_target(struct request *r, struct text target) {
    static const char SCHEME[] = "http://";
    size_t scheme = strlen(SCHEME);
    if (target.size > scheme && strncasecmp(target.at, SCHEME, scheme) == 0) {
        struct text rest = {target.at + scheme, target.size - scheme};
        while (r->host.size < rest.size && !is_one_of(rest.at[r->host.size], "/?")) r->host.size++;
        r->host.at = rest.at;
        /* without a host it names nobody: RFC 9110, 4.2.1 */
        if (r->host.size == 0 || r->host.at[0] == ':' || !is_host(r->host)) return 400;
        target = (struct text){rest.at + r->host.size, rest.size - r->host.size};
    } else if ((is_exactly(r->method, "OPTIONS") && is_exactly(target, "*")) ||
               is_exactly(r->method, "CONNECT")) {
        return 501; /* these are about no page: PATH_INFO cannot say them */
    } else if (target.at[0] != '/') {
        return 400;
    }
    r->path = next_part(&target, '?');
    if (r->path.size == 0) r->path = (struct text){"/", 1};
    r->query = target;
    return 0;
}

/* RFC 9112, 3: method, target, version, one space between. Returns 0, or a status. */
static int read_request_line(struct request *r, struct text line) {
    struct text rest = line, target;
    for (size_t i = 0; i < rest.size; i++)
        if (rest.at[i] < ' ' || rest.at[i] > '~') return 400;
    r->line = line;
    r->method = next_part(&rest, ' ');
    target = next_part(&rest, ' ');
    if (!is_token(r->method) || target.size == 0) return 400;
    if (memchr(target.at, '#', target.size) != NULL) return 400; /* a fragment is the client's */
    if (rest.size != 8 || memcmp(rest.at, "HTTP/", 5) != 0 || !is_digit(rest.at[5]) ||
        rest.at[6] != '.' || !is_digit(rest.at[7]))
        return 400;
    if (rest.at[5] != '1') return 505;
    r->http10 = rest.at[7] == '0';
    return read_target(r, target);
}

/* RFC 9112, 6.2. A number that does not fit is a body that does not, either. */
static int read_length(struct request *r, struct text value) {
    if (value.size == 0 || r->has_length) return 400;
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.at[i])) return 400;
        if (r->left > INT64_MAX / 10 - 1) return 413;
        r->left = r->left * 10 + (uint64_t)(value.at[i] - '0');
    }
    r->has_length = true;
    return 0;
}

/* What a field means to the server itself. Returns 0, or the status to refuse it with. */
static int heed_field(struct request *r, struct field field) {
    if (is_word(field.name, "Host")) {
        if (r->has_host || !is_host(field.value)) return 400;
        r->has_host = true;
    } else if (is_word(field.name, "Content-Length")) {
        return read_length(r, field.value);
    } else if (is_word(field.name, "Transfer-Encoding")) {
        /* RFC 9112, 6.1: no other coding is known here, and it is not HTTP/1.0's */
        if (r->http10 || r->chunked) return 400;
        if (!is_word(field.value, "chunked")) return 501;
        r->chunked = true;
    } else if (is_word(field.name, "Expect")) {
        if (!is_word(field.value, "100-continue")) return 417;
        r->expects = !r->http10;
    }
    return 0;
}

static int read_field(struct request *r, struct text line) {
    struct field field;
    if (!split_field(line, &field.name, &field.value)) return 400;
    if (r->count == FIELDS_MOST) return 431;
    r->fields[r->count++] = field;
    return heed_field(r, field);
}

/* Reads the lines of the head, up to the empty one. Returns what request_read does. */
static int read_lines(struct request *r, struct connection *c) {
    size_t used = 0;
    for (int lines = 0, empty = 0;;) {
        ssize_t size = connection_line(c, r->head + used, HEAD_SIZE - used, false);
        struct text line = {r->head + used, size > 0 ? (size_t)size : 0};
        int status;
        if (size == LINE_TOO_LONG) return lines == 0 ? 414 : 431;
        /* late with what it has begun: that it can be told */
        if (size == -1) return c->end > 0 && now_ms() >= c->deadline ? 408 : -1;
        if (size == 0 && lines > 0) return 0;
        /* an empty line before the request is forgiven, once: RFC 9112, 2.2 */
        if (size == 0 && empty++ == 0) continue;
        status = lines++ == 0 ? read_request_line(r, line) : read_field(r, line);
        if (status != 0) return status;
        used += line.size;
    }
}

int request_read(struct request *r, struct connection *c) {
    int status = read_lines(r, c);
    if (status != 0) return status;
    if (r->chunked && r->has_length) return 400;
    if (r->left > body_most) return 413;
    return r->has_host || r->http10 ? 0 : 400;
}
