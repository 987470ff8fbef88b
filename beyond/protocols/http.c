/*
 * http: the article's greeting, with all that HTTP/1.1 asks of a server with one page.
 *
 * RFC 9112 tells where a request ends, and what is none; RFC 9110 what the fields mean. What could
 * be read in two ways is refused: between a proxy and a server that differ hides request smuggling.
 */
#define _POSIX_C_SOURCE 200809L
#include "../serve.h"
#include "../text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    FIELDS_MOST = 100, /* lines of a head, and of a trailer */
    CHUNK_LINE_MOST = 256, /* bytes of a line that begins a chunk */
    BODY_MOST = 1024 * 1024, /* bytes of a body, with what stands between its chunks */
    DATE_SIZE = 32
};

/* Where in a request a conversation is. */
enum { STAGE_HEAD, STAGE_BODY, STAGE_CHUNK_LINE, STAGE_CHUNK, STAGE_CHUNK_END, STAGE_TRAILER };

/* What of the head is remembered until the body has come. */
enum { FLAG_CLOSE = 1, FLAG_KEEP = 2 /* to be said aloud, to HTTP/1.0 */, FLAG_HEAD = 4 };

static const char GREETING[] = "Hello, World!\n", CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
static char *page;
static size_t page_size;

static void prepare(void) {
    page_size = (size_t)service.page_size;
    page = malloc(page_size + 1);
    if (page == NULL) die("malloc");
    for (size_t i = 0; i < page_size; i++) page[i] = GREETING[i % strlen(GREETING)];
}

/* ---- Answers ------------------------------------------------------------- */

static const char *reason(int status) {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
}

/* The time in HTTP's words, made once a second by each thread. RFC 9110, 5.6.7. */
static const char *date(void) {
    static _Thread_local char text[DATE_SIZE];
    static _Thread_local time_t made;
    time_t now = time(NULL);
    struct tm parts;
    if (now != made && gmtime_r(&now, &parts) != NULL) {
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        made = now;
    }
    return text;
}

/* Makes the answer that memory->status calls for: the page, or a line about what is wrong; to HEAD
 * its head alone. */
static void say(const struct memory *memory, struct answer *answer) {
    const char *name = reason(memory->status);
    bool good = memory->status == 200;
    size_t size = good ? page_size : strlen(name) + 1;
    int length;
    answer->status = memory->status;
    answer->last = (memory->flags & FLAG_CLOSE) != 0 || ending;
    length = snprintf(answer->room, ROOM_SIZE,
                      "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                      "Content-Length: %zu\r\n%s%s\r\n",
                      memory->status, name, date(), size,
                      memory->status == 405 ? "Allow: GET, HEAD\r\n" : "",
                      answer->last                ? "Connection: close\r\n"
                      : memory->flags & FLAG_KEEP ? "Connection: keep-alive\r\n"
                                                  : "");
    answer->parts[0] = (struct iovec){answer->room, (size_t)length};
    if (memory->flags & FLAG_HEAD) return;
    if (!good) {
        answer->parts[1].iov_base = answer->room + length;
        answer->parts[1].iov_len =
            (size_t)snprintf(answer->room + length, ROOM_SIZE - (size_t)length, "%s\n", name);
    } else {
        answer->parts[1] = (struct iovec){page, page_size};
    }
}

/* Refuses what has come, and all that may come after it: where the next request would begin is not
 * known any more. Returns how much it takes of it: nothing. If this is about a body, logged is 0,
 * as the log has the request already: standard error gets a word instead. */
static size_t refuse(struct memory *memory, int status, size_t logged, struct answer *answer) {
    if (memory->stage != STAGE_HEAD) answer->complaint = "a body that is none, or too large";
    *memory = (struct memory){.status = status, .flags = FLAG_CLOSE | (memory->flags & FLAG_HEAD)};
    say(memory, answer);
    answer->logged = logged;
    return 0;
}

/* ---- Lines and numbers --------------------------------------------------- */

/* Takes a line from *rest, without its end, which is LF or CR LF (RFC 9112, 2.2). False: none is
 * whole. */
static bool next_line(struct text *rest, struct text *line) {
    const char *end = memchr(rest->at, '\n', rest->size);
    if (end == NULL) return false;
    *line = (struct text){rest->at, (size_t)(end - rest->at)};
    rest->size -= line->size + 1;
    rest->at = end + 1;
    if (line->size > 0 && line->at[line->size - 1] == '\r') line->size--;
    return true;
}

/* Reads a number in this base. Returns 0, or the status to refuse it with: 400, it is none; 413, it
 * is more than BODY_MOST, and no further digit is added. */
static int read_number(struct text text, unsigned base, unsigned long long *number) {
    static const char DIGITS[] = "0123456789abcdef";
    *number = 0;
    if (text.size == 0) return 400;
    for (size_t i = 0; i < text.size; i++) {
        const char *digit = memchr(DIGITS, tolower((unsigned char)text.at[i]), base);
        if (digit == NULL) return 400;
        if (*number <= BODY_MOST) *number = *number * base + (unsigned)(digit - DIGITS);
    }
    return *number > BODY_MOST ? 413 : 0;
}

/* ---- The head of a request ----------------------------------------------- */

struct head {
    bool http10, has_host, has_length, chunked, expects;
    unsigned long long length;
    unsigned flags;
    int status; /* what it will be answered with when it is whole */
};

/* Methods that there are, but not for this page: RFC 9110, 9.1; RFC 5789. */
static bool is_other_method(struct text method) {
    static const char *const OTHERS[] = {"POST",    "PUT",   "DELETE", "CONNECT",
                                         "OPTIONS", "TRACE", "PATCH"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        if (is_exactly(method, OTHERS[i])) return true;
    return false;
}

/* "/path", or "http://host/path"; and two methods have targets of their own: RFC 9112, 3.2. */
static bool is_target(struct text method, struct text target) {
    static const char SCHEME[] = "http://";
    size_t scheme = strlen(SCHEME);
    if (target.size == 0 || !is_visible(target, "#")) return false;
    if (target.at[0] == '/') return true;
    if (target.size >= scheme && strncasecmp(target.at, SCHEME, scheme) == 0) {
        struct text rest = {target.at + scheme, target.size - scheme};
        struct text before_path = next_part(&rest, '/'), host = next_part(&before_path, '?');
        /* without a host it names nobody: RFC 9110, 4.2.1 */
        return host.size > 0 && host.at[0] != ':' && is_host(host);
    }
    return is_exactly(method, "CONNECT") ||
           (is_exactly(method, "OPTIONS") && is_exactly(target, "*"));
}

/* RFC 9112, 3: method, target, version, one space between. Returns 0, or the status to refuse it
 * with. */
static int read_request_line(struct head *head, struct text line) {
    struct text method = next_part(&line, ' '), target = next_part(&line, ' '), version = line;
    if (!is_token(method) || version.size != 8 || memcmp(version.at, "HTTP/", 5) != 0 ||
        !is_digit(version.at[5]) || version.at[6] != '.' || !is_digit(version.at[7]))
        return 400;
    if (version.at[5] != '1') return 505;
    if (!is_target(method, target)) return 400;
    head->http10 = version.at[7] == '0';
    head->status = is_exactly(method, "GET") || is_exactly(method, "HEAD") ? 200
                   : is_other_method(method)                               ? 405
                                                                           : 501;
    return 0;
}

/* RFC 9112, 6.1: only chunked, only once, and not beside a length (checked at the end of the head).
 */
static int read_transfer_encoding(struct head *head, struct text value) {
    if (head->http10 || head->chunked) return 400;
    if (!is_word(value, "chunked")) return 501;
    head->chunked = true;
    return 0;
}

static int read_content_length(struct head *head, struct text value) {
    if (head->has_length) return 400;
    head->has_length = true;
    return read_number(value, 10, &head->length);
}

static void read_connection(struct head *head, struct text value) {
    while (value.size > 0) {
        struct text option = trim(next_part(&value, ','));
        if (is_word(option, "close")) head->flags |= FLAG_CLOSE;
        if (is_word(option, "keep-alive")) head->flags |= FLAG_KEEP;
    }
}

/* Reads a field of the head; returns 0, or the status to refuse it with. */
static int read_field(struct head *head, struct text line) {
    struct text name, value;
    if (!split_field(line, &name, &value)) return 400;
    if (is_word(name, "Host")) {
        if (head->has_host || !is_host(value)) return 400;
        head->has_host = true;
    }
    if (is_word(name, "Content-Length")) return read_content_length(head, value);
    if (is_word(name, "Transfer-Encoding")) return read_transfer_encoding(head, value);
    if (is_word(name, "Connection")) read_connection(head, value);
    if (is_word(name, "Expect")) {
        if (!is_word(value, "100-continue")) return 417;
        head->expects = !head->http10;
    }
    return 0;
}

/* Reads the fields up to the empty line; returns 0, -1 if that has not come yet, or a status. */
static int read_fields(struct head *head, struct text *rest) {
    struct text line;
    for (int count = 0; next_line(rest, &line); count++) {
        int status;
        if (line.size == 0) {
            if (head->chunked && head->has_length) return 400;
            return head->has_host || head->http10 ? 0 : 400;
        }
        if (count == FIELDS_MOST) return 431;
        status = read_field(head, line);
        if (status != 0) return status;
    }
    return -1;
}

/* A line that is not whole yet can be wrong already: what begins like this will be no request. */
static bool begins_badly(struct text text) {
    struct text word = next_part(&text, ' ');
    return word.size > 0 && !is_token(word);
}

/* Notes what has to be remembered for the body; the answer comes after it, or at once if there is
 * none. */
static void begin_body(struct memory *memory, const struct head *head, struct answer *answer) {
    memory->status = head->status;
    memory->flags |= head->flags;
    if (!head->http10) memory->flags &= ~(unsigned)FLAG_KEEP;
    else if (!(memory->flags & FLAG_KEEP)) memory->flags |= FLAG_CLOSE;
    answer->status = memory->status;
    if (!head->chunked && head->length == 0) {
        say(memory, answer);
        return;
    }
    memory->stage = head->chunked ? STAGE_CHUNK_LINE : STAGE_BODY;
    memory->left = head->length;
    if (head->expects) answer->parts[0] = (struct iovec){(char *)CONTINUE, strlen(CONTINUE)};
}

static size_t take_head(struct memory *memory, struct text all, bool ended, struct answer *answer) {
    struct text rest = all, line;
    struct head head = {.status = 0};
    size_t logged;
    int status;
    *memory = (struct memory){.stage = STAGE_HEAD};
    /* an empty line before the request is forgiven, once: RFC 9112, 2.2 */
    if (rest.at[0] == '\n' || (rest.size > 1 && rest.at[0] == '\r' && rest.at[1] == '\n'))
        (void)next_line(&rest, &line);
    if (ended && rest.size == 0) return all.size; /* nothing but that line: no request */
    if (rest.size == 1 && rest.at[0] == '\r' && rest.at == all.at && !ended) return 0;
    /* looked at before anything can be refused: a refusal of HEAD has no body, either. RFC 9110,
     * 9.3.2 */
    if (rest.size >= 5 && memcmp(rest.at, "HEAD ", 5) == 0) memory->flags = FLAG_HEAD;
    if (!next_line(&rest, &line)) {
        if (begins_badly(rest) || ended) return refuse(memory, 400, all.size, answer);
        return all.size == REQUEST_SIZE ? refuse(memory, 414, all.size, answer) : 0;
    }
    status = read_request_line(&head, line);
    if (status == 0) status = read_fields(&head, &rest);
    if (status == -1 && ended) status = 400;
    if (status == -1 && all.size == REQUEST_SIZE) status = 431;
    if (status == -1) return 0;
    logged = (size_t)(line.at - all.at) + line.size; /* with the empty line, if there is one */
    if (status != 0) return refuse(memory, status, logged, answer);
    begin_body(memory, &head, answer);
    answer->logged = logged;
    return (size_t)(rest.at - all.at);
}

/* ---- The body, which nobody reads ---------------------------------------- */

static size_t end_body(struct memory *memory, size_t taken, struct answer *answer) {
    memory->stage = STAGE_HEAD;
    say(memory, answer);
    return taken;
}

/* The bytes of a body, or of a chunk. */
static size_t take_bytes(struct memory *memory, size_t size, struct answer *answer) {
    size_t taken = memory->left < size ? (size_t)memory->left : size;
    memory->left -= taken;
    if (memory->left > 0) return taken;
    if (memory->stage == STAGE_BODY) return end_body(memory, taken, answer);
    memory->stage = STAGE_CHUNK_END;
    return taken;
}

/* The lines between chunks: RFC 9112, 7.1. In a head LF alone ends a line, too; here it does not,
 * as a proxy may read past it. A chunk's size may have blanks behind it, and an extension after
 * ";". */
static size_t take_line(struct memory *memory, struct text all, struct answer *answer) {
    struct text rest = all, line = all, name, value;
    int status;
    bool whole = next_line(&rest, &line);
    if (line.size >= CHUNK_LINE_MOST && memory->stage != STAGE_TRAILER)
        return refuse(memory, 400, 0, answer);
    if (!whole) return all.size == REQUEST_SIZE ? refuse(memory, 431, 0, answer) : 0;
    size_t taken = (size_t)(rest.at - all.at);
    if (line.size + 2 != taken || has_controls(line)) return refuse(memory, 400, 0, answer);
    switch (memory->stage) {
    case STAGE_CHUNK_LINE:
        if (is_one_of(line.at[0], " \t")) return refuse(memory, 400, 0, answer);
        status = read_number(trim(next_part(&line, ';')), 16, &memory->left);
        if (status != 0) return refuse(memory, status, 0, answer);
        memory->total += memory->left + taken;
        if (memory->total > BODY_MOST) return refuse(memory, 413, 0, answer);
        memory->stage = memory->left > 0 ? STAGE_CHUNK : STAGE_TRAILER;
        break;
    case STAGE_CHUNK_END:
        if (line.size != 0) return refuse(memory, 400, 0, answer);
        memory->stage = STAGE_CHUNK_LINE;
        break;
    default: /* STAGE_TRAILER */
        if (line.size == 0) return end_body(memory, taken, answer);
        if (memory->left++ == FIELDS_MOST) return refuse(memory, 431, 0, answer);
        if (!split_field(line, &name, &value)) return refuse(memory, 400, 0, answer);
    }
    return taken;
}

static size_t take(struct memory *memory, const char *bytes, size_t size, bool ended,
                   struct answer *answer) {
    struct text all = {bytes, size};
    switch (memory->stage) {
    case STAGE_HEAD: return take_head(memory, all, ended, answer);
    case STAGE_BODY:
    case STAGE_CHUNK: return take_bytes(memory, size, answer);
    default: return take_line(memory, all, answer);
    }
}

static void late(struct answer *answer) {
    static const struct memory LATE = {.status = 408, .flags = FLAG_CLOSE};
    say(&LATE, answer);
}

const struct protocol protocol_http = {
    .name = "http",
    .about = "greets, with HTTP/1.1",
    .prepare = prepare,
    .take = take,
    .late = late,
    /* A constant, and so the one answer without a Date: RFC 9110, 6.6.1 asks for none in a 503. */
    .busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
            "Connection: close\r\n\r\n",
};
