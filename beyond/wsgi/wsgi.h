/*
 * What the files of this server know of each other: a connection, a request, and who answers it.
 *
 * All of it but the listening socket lives in one child, for one request.
 */
#ifndef WSGI_H
#define WSGI_H

#include "../text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HEAD_SIZE = 16384, FIELDS_MOST = 100, HEAD_TIME = 10000 /* milliseconds */ };

extern uint64_t body_most; /* bytes that a body may have; set once, by main */

/* ---- connection.c: bytes from a client and to it, and never a wait without an end  */

struct connection {
    int fd;
    int64_t patience; /* how long it may keep us waiting, in milliseconds */
    int64_t waited; /* how long it has, less 1 for each byte that has come or gone */
    int64_t deadline; /* until when it must have said all (now_ms); 0: only patience counts */
    const char *trouble; /* what was wrong when a function last said -1 */
    const char *blame; /* the status for that; NULL: it is 400 */
    bool answered; /* some of the final answer has been sent */
    bool cut; /* close it so that the client sees that the answer is not whole */
    size_t begin, end; /* what has come and was not taken yet */
    char bytes[4096];
};

/* A number that grows by 1 in each millisecond. clock_gettime(2), CLOCK_MONOTONIC. */
int64_t now_ms(void);

/* Takes up to size bytes; returns how many, 0 at the end of file, or -1: see trouble. */
ssize_t connection_take(struct connection *c, char *to, size_t size);

/* Takes a line without its end, which is LF or CR LF, or CR LF alone if strict. Returns its length,
 * -1 (see trouble), or LINE_TOO_LONG when room is full. */
enum { LINE_TOO_LONG = -2 };
ssize_t connection_line(struct connection *c, char *to, size_t room, bool strict);

/* Sends all of it; returns 0, or -1: see trouble. */
int connection_send(struct connection *c, const char *data, size_t size);

/* Ends it: the client has everything that was sent, unless it is cut. */
void connection_close(struct connection *c);

/* ---- request.c: the head of a request, and body.c: what follows it ----------------------------
 */

struct field {
    struct text name, value;
};

struct request {
    struct text line, method; /* line is printable ASCII: it may go to a terminal */
    struct text path, query; /* of the target; the path as it came, with its %XX */
    struct text host; /* of the target, if it names one: it counts, not the field */
    struct field fields[FIELDS_MOST];
    size_t count;
    bool http10, has_host, has_length, chunked, expects;
    uint64_t left; /* bytes of the body, or of this chunk of it, that are still to come */
    uint64_t total; /* bytes of all chunks so far */
    enum { BODY_NEW, BODY_UNDER_WAY, BODY_ENDED, BODY_BROKEN } stage;
    char head[HEAD_SIZE]; /* where all those texts are */
};

/* Reads the head. Returns 0, the status to refuse it with, or -1: nobody is there to be told. */
int request_read(struct request *r, struct connection *c);

/* What the digit stands for, in base 16; -1: it is none. */
int hex_value(char c);

/* Reads up to size bytes of the body, and asks for it first if the client waits for that. Returns
 * how many, 0 at its end, or -1: see trouble. Never takes a byte that is not the body's. */
ssize_t body_read(struct request *r, struct connection *c, char *to, size_t size);

/* ---- gateway.c: the Python in this program, where the application is ----- */

/* Starts Python and loads MODULE:CALLABLE, or says why not and ends the program with status 1. */
void gateway_load(const char *name);

/* fork(2), with what Python wants to do before and after. */
pid_t gateway_fork(void);

/* Lets the application answer. Returns the status that was sent; 0: none. */
int gateway_answer(struct request *r, struct connection *c, uint16_t server_port);

#endif
